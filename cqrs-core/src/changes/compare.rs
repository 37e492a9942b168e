//! Comparing two values, within bounds.

use serde_json::Value;

use super::same::same;
use super::{Change, Changes, MAX_CHANGE_VALUE, MAX_CHANGES, MAX_CHANGES_SIZE, path};
use crate::message::EventPayload;

/// Objects and lists below this depth are compared as one value.
const MAX_DEPTH: usize = 16;

/// What the JSON of one change has beside its path and values.
const FRAME: usize = 40;

pub(super) fn compare(old: &Value, new: &Value) -> Changes {
    let mut comparison = Comparison {
        changes: Changes::default(),
        path: String::new(),
        depth: 0,
        room: MAX_CHANGES_SIZE,
    };
    comparison.values(old, new);
    comparison.changes
}

struct Comparison {
    changes: Changes,
    path: String,
    depth: usize,
    /// How many bytes may still be added.
    room: usize,
}

impl Comparison {
    fn values(&mut self, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) if self.depth < MAX_DEPTH => {
                for (key, value) in old {
                    self.step(key, Some(value), new.get(key));
                }
                for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                    self.step(key, None, Some(value));
                }
            }
            (Value::Array(old), Value::Array(new))
                if self.depth < MAX_DEPTH && (hold_objects(old) || hold_objects(new)) =>
            {
                for index in 0..old.len().max(new.len()) {
                    self.step(&index.to_string(), old.get(index), new.get(index));
                }
            }
            (old, new) if same(old, new) => {}
            (old, new) => self.add(Some(old), Some(new)),
        }
    }

    /// Compares what stands under `key`.
    fn step(&mut self, key: &str, old: Option<&Value>, new: Option<&Value>) {
        let length = self.path.len();
        path::push(&mut self.path, key);
        self.depth += 1;
        match (old, new) {
            (Some(old), Some(new)) => self.values(old, new),
            (old, new) => self.add(old, new),
        }
        self.depth -= 1;
        self.path.truncate(length);
    }

    fn add(&mut self, old: Option<&Value>, new: Option<&Value>) {
        if self.changes.list.len() == MAX_CHANGES {
            self.changes.omitted += 1;
            return;
        }
        let (old, old_size, old_cut) = bounded(old);
        let (new, new_size, new_cut) = bounded(new);
        let size = size_of(&self.path).saturating_add(old_size + new_size + FRAME);
        let Some(room) = self.room.checked_sub(size) else {
            self.changes.omitted += 1;
            return;
        };
        self.room = room;
        let cut = old_cut || new_cut;
        self.changes.list.push(Change { path: self.path.clone(), old, new, cut });
    }
}

/// Whether one of the items is an object, or a list with one.
fn hold_objects(items: &[Value]) -> bool {
    items.iter().any(|item| match item {
        Value::Object(_) => true,
        Value::Array(items) => hold_objects(items),
        _ => false,
    })
}

/// The value within its limit, its size as JSON, and whether it was cut.
fn bounded(value: Option<&Value>) -> (Option<Value>, usize, bool) {
    let Some(value) = value else {
        return (None, 0, false);
    };
    let size = size_of(value);
    if size <= MAX_CHANGE_VALUE {
        return (Some(value.clone()), size, false);
    }
    let note = match value {
        Value::String(text) => cut_text(text),
        // Not even its beginning: a text would no longer show what in it has to be redacted.
        Value::Array(_) => format!("[cut: a list of {size} bytes]"),
        _ => format!("[cut: an object of {size} bytes]"),
    };
    let size = size_of(&note);
    (Some(Value::String(note)), size, true)
}

/// The beginning of a text, with a note.
fn cut_text(text: &str) -> String {
    let note = format!("… [cut: a text of {} bytes]", text.len());
    let mut kept = String::new();
    let mut size = size_of(&note);
    for char in text.chars() {
        // As many bytes as it has in JSON, which writes control characters as `\u0000`.
        size += match char {
            '"' | '\\' => 2,
            char if char.is_ascii_control() => 6,
            char => char.len_utf8(),
        };
        if size > MAX_CHANGE_VALUE {
            break;
        }
        kept.push(char);
    }
    kept + &note
}

/// How many bytes the value has as JSON.
fn size_of<T: EventPayload + ?Sized>(value: &T) -> usize {
    value.json_size().unwrap_or(usize::MAX)
}
