//! What changed, and the data, line by line, as far as there is room.

use cqrs_core::Changes;
use serde_json::Value;

use crate::entry::Entry;

/// How much of an entry's changes is shown, and as much of its data. A page of 200 entries stays readable,
/// and so does an entry that has as much in it as can be recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    lines: usize,
    /// Characters of all lines.
    text: usize,
    /// Characters of one text.
    one: usize,
    /// The path before an entry's id where the rest stands.
    pub(super) rest: &'static str,
}

impl Room {
    /// In a list. The rest stands on the entry's own page.
    pub(super) const LISTED: Self = Self { lines: 100, text: 8_000, one: 2_000, rest: "entries" };
    /// On the entry's own page. The rest stands in its JSON.
    pub(super) const ALONE: Self =
        Self { lines: 2_000, text: 400_000, one: 20_000, rest: "api/entries" };
}

/// The lines that have room, and the number of the others.
pub(super) struct Lines<Line> {
    pub(super) shown: Vec<Line>,
    pub(super) more: usize,
}

/// One line of a diff.
pub(super) struct ShownChange {
    pub(super) path: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// One line of the data.
pub(super) struct Field {
    pub(super) path: String,
    pub(super) value: String,
}

pub(super) fn changes(entry: &Entry, room: Room) -> Lines<ShownChange> {
    let changes = entry.changes.iter().flatten();
    let count = entry.changes.as_ref().map_or(0, Changes::len);
    room.fill(count, changes, |change, room| ShownChange {
        path: room.cut(change.dotted()),
        old: change.old.as_ref().map(|old| room.cut(text(old))),
        new: change.new.as_ref().map(|new| room.cut(text(new))),
    })
}

pub(super) fn data(entry: &Entry, room: Room) -> Lines<Field> {
    let field = |path: &str, value, room: &mut Room| Field {
        path: room.cut(path.to_owned()),
        value: room.cut(text(value)),
    };
    match entry.data.as_ref() {
        None | Some(Value::Null) => Lines { shown: Vec::new(), more: 0 },
        Some(Value::Object(fields)) => {
            room.fill(fields.len(), fields, |(path, value), room| field(path, value, room))
        }
        Some(other) => room.fill(1, [other], |value, room| field("value", value, room)),
    }
}

impl Room {
    fn fill<T, Line>(
        mut self,
        count: usize,
        all: impl IntoIterator<Item = T>,
        line: impl Fn(T, &mut Self) -> Line,
    ) -> Lines<Line> {
        let mut shown = Vec::new();
        for one in all.into_iter().take(self.lines) {
            if self.text == 0 {
                break;
            }
            shown.push(line(one, &mut self));
        }
        Lines { more: count - shown.len(), shown }
    }

    /// The text, or its beginning.
    fn cut(&mut self, mut text: String) -> String {
        let room = self.one.min(self.text);
        let length = match text.char_indices().nth(room) {
            None => text.chars().count(),
            Some((end, _)) => {
                text.truncate(end);
                text.push('…');
                room
            }
        };
        self.text -= length;
        text
    }
}

/// A text as it is, anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_as_far_as_there_is_room() {
        let room = Room { lines: 3, text: 10, one: 6, rest: "" };
        let fill = |texts: &[&str]| {
            let lines = texts.iter().map(|text| (*text).to_owned());
            let lines = room.fill(texts.len(), lines, |text, room| room.cut(text));
            (lines.shown.join(" "), lines.more)
        };
        assert_eq!(fill(&[]), (String::new(), 0));
        assert_eq!(fill(&["a", "äöü", "c"]), ("a äöü c".to_owned(), 0));
        assert_eq!(fill(&["a", "b", "c", "d", "e"]), ("a b c".to_owned(), 2), "lines");
        assert_eq!(fill(&["äöüäöüä", "b"]), ("äöüäöü… b".to_owned(), 0), "one text");
        assert_eq!(fill(&["123456", "123456", "c"]), ("123456 1234…".to_owned(), 1), "all texts");
    }
}
