//! The changes and data of an entry, line by line, up to a limit.

use cqrs_core::Changes;
use serde_json::Value;

use crate::entry::Entry;

/// How much of an entry's changes is shown, and as much of its data, so that a page of 200 entries and the
/// largest possible entry stay readable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    lines: usize,
    /// Characters of all lines.
    text: usize,
    /// Characters of one text.
    one: usize,
    /// The path, before an entry's id, of the rest.
    pub(super) rest: &'static str,
}

impl Limits {
    /// In a list. The entry's own page has the rest.
    pub(super) const LISTED: Self = Self { lines: 100, text: 8_000, one: 2_000, rest: "entries" };
    /// On the entry's own page. Its JSON has the rest.
    pub(super) const ALONE: Self =
        Self { lines: 2_000, text: 400_000, one: 20_000, rest: "api/entries" };
}

/// The lines within the limit, and the number of the others.
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

pub(super) fn changes(entry: &Entry, limits: Limits) -> Lines<ShownChange> {
    let changes = entry.changes.iter().flatten();
    let count = entry.changes.as_ref().map_or(0, Changes::len);
    limits.fill(count, changes, |change, limits| ShownChange {
        path: limits.cut(change.dotted()),
        old: change.old.as_ref().map(|old| limits.cut(text(old))),
        new: change.new.as_ref().map(|new| limits.cut(text(new))),
    })
}

pub(super) fn data(entry: &Entry, limits: Limits) -> Lines<Field> {
    let field = |path: &str, value, limits: &mut Limits| Field {
        path: limits.cut(path.to_owned()),
        value: limits.cut(text(value)),
    };
    match entry.data.as_ref() {
        None | Some(Value::Null) => Lines { shown: Vec::new(), more: 0 },
        Some(Value::Object(fields)) => {
            limits.fill(fields.len(), fields, |(path, value), limits| field(path, value, limits))
        }
        Some(other) => limits.fill(1, [other], |value, limits| field("value", value, limits)),
    }
}

impl Limits {
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
        let limits = self.one.min(self.text);
        let length = match text.char_indices().nth(limits) {
            None => text.chars().count(),
            Some((end, _)) => {
                text.truncate(end);
                text.push('…');
                limits
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
    fn lines_are_shown_up_to_the_limit() {
        let limits = Limits { lines: 3, text: 10, one: 6, rest: "" };
        let fill = |texts: &[&str]| {
            let lines = texts.iter().map(|text| (*text).to_owned());
            let lines = limits.fill(texts.len(), lines, |text, limits| limits.cut(text));
            (lines.shown.join(" "), lines.more)
        };
        assert_eq!(fill(&[]), (String::new(), 0));
        assert_eq!(fill(&["a", "äöü", "c"]), ("a äöü c".to_owned(), 0));
        assert_eq!(fill(&["a", "b", "c", "d", "e"]), ("a b c".to_owned(), 2), "lines");
        assert_eq!(fill(&["äöüäöüä", "b"]), ("äöüäöü… b".to_owned(), 0), "one text");
        assert_eq!(fill(&["123456", "123456", "c"]), ("123456 1234…".to_owned(), 1), "all texts");
    }
}
