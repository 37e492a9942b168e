//! Comparing two values, within bounds.

use serde::Serialize;
use serde_json::Value;

use super::super::{MAX_PAYLOAD_DEPTH, size_within};
use super::same::same;
use super::{Change, Changes, MAX_CHANGE_VALUE, MAX_CHANGES, MAX_CHANGES_SIZE, path};

/// Objects and lists below this depth are compared as one value.
const MAX_DEPTH: usize = 16;

/// A value that is nested deeper is cut, so that an event has room for it within
/// [`MAX_PAYLOAD_DEPTH`](crate::MAX_PAYLOAD_DEPTH).
const MAX_VALUE_DEPTH: usize = 64;

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
    let size = size_within(value, MAX_VALUE_DEPTH);
    // Not even its beginning: a text would no longer show what in it has to be redacted.
    let note = match (size, value) {
        (Ok(size), value) if size <= MAX_CHANGE_VALUE => {
            return (Some(value.clone()), size, false);
        }
        (_, Value::String(text)) => cut_text(text),
        (Ok(size), Value::Array(_)) => format!("[cut: a list of {size} bytes]"),
        (Ok(size), _) => format!("[cut: an object of {size} bytes]"),
        (Err(_), _) => format!("[cut: nested deeper than {MAX_VALUE_DEPTH} levels]"),
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
fn size_of<T: Serialize + ?Sized>(value: &T) -> usize {
    size_within(value, MAX_PAYLOAD_DEPTH).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn shown(old: &Value, new: &Value) -> String {
        compare(old, new).to_string()
    }

    #[test]
    fn fields_are_compared_at_any_depth() {
        let old = json!({"name": "Ada", "address": {"city": "London", "zip": 1}, "gone": null});
        let new = json!({"name": "Ada", "address": {"city": "Paris", "zip": 1.0}, "new": {"a": 1}});
        assert_eq!(
            shown(&old, &new),
            r#"address.city: "London" -> "Paris", gone: null -> nothing, new: nothing -> {"a":1}"#
        );
        assert_eq!(shown(&json!({"a": {"b": 1}}), &json!({"a": 1})), r#"a: {"b":1} -> 1"#);
        assert_eq!(shown(&json!(1), &json!(2)), "the whole: 1 -> 2");
    }

    #[test]
    fn lists_are_one_value_unless_they_hold_objects() {
        assert_eq!(shown(&json!({"a": [1, 2]}), &json!({"a": [2]})), "a: [1,2] -> [2]");
        assert_eq!(shown(&json!([[1], 2]), &json!([[1.0], 2.0])), "");
        let old = json!({"lines": [{"sum": 1}, {"sum": 2}, {"sum": 3}]});
        let new = json!({"lines": [{"sum": 1}, {"sum": 4}]});
        assert_eq!(shown(&old, &new), r#"lines.1.sum: 2 -> 4, lines.2: {"sum":3} -> nothing"#);
        assert_eq!(shown(&json!([]), &json!([{"a": 1}])), r#"0: nothing -> {"a":1}"#);
    }

    #[test]
    fn more_changes_than_are_held_are_counted() {
        let numbers = |from: usize| -> Value {
            (0..300)
                .map(|index| (index.to_string(), json!(from + index)))
                .collect::<Map<_, _>>()
                .into()
        };
        let changes = compare(&numbers(0), &numbers(1));
        assert_eq!((changes.len(), changes.omitted()), (MAX_CHANGES, 100));
        assert!(!changes.is_complete() && !changes.is_empty());
        assert!(changes.to_string().ends_with(", and 100 more"));
    }

    #[test]
    fn long_values_are_cut_and_say_so() {
        let long = "\u{1}ä\"".repeat(4000);
        let old = json!({"text": long, "list": vec![1; 4000], "object": {"a": {"x": long}}});
        let changes = compare(&old, &json!({"text": "", "object": {"a": 1}}));
        let cut = |path: &str| {
            let change = changes.get(path).unwrap();
            assert!(change.cut);
            let old = change.old.as_ref().unwrap();
            assert!(size_of(old) <= MAX_CHANGE_VALUE);
            old.as_str().unwrap().to_owned()
        };
        assert!(cut("text").starts_with("\u{1}ä\"\u{1}ä\""));
        assert!(cut("text").ends_with("… [cut: a text of 16000 bytes]"));
        assert_eq!(cut("list"), "[cut: a list of 8001 bytes]");
        assert_eq!(cut("object.a"), "[cut: an object of 40008 bytes]");
        assert!(!changes.is_complete());
    }

    #[test]
    fn all_changes_fit_into_a_payload() {
        let old: Value = (0..100).map(|key| (key.to_string(), json!("x".repeat(4000)))).collect();
        let changes = compare(&old, &json!({}));
        assert!(size_of(&changes) <= MAX_CHANGES_SIZE);
        assert_eq!(changes.len() + changes.omitted(), 100);
        let long_key = "k".repeat(100_000);
        let changes = compare(&json!({ long_key: 1, "a": 1 }), &json!({}));
        assert_eq!((changes.len(), changes.omitted()), (1, 1));
    }

    #[test]
    fn what_lies_too_deep_is_one_value() {
        let nested = |inner: Value| (0..20).fold(inner, |value, _| json!({ "a": value }));
        let changes = compare(&nested(json!(1)), &nested(json!(2)));
        assert_eq!(changes.len(), 1);
        assert_eq!(changes.iter().next().unwrap().path, "/a".repeat(MAX_DEPTH));
        assert!(compare(&nested(json!(1)), &nested(json!(1.0))).is_empty());
    }

    #[test]
    fn what_is_nested_deeper_than_can_be_read_back_is_cut() {
        let nested = |depth| (0..depth).fold(json!(1), |value, _| json!([value]));
        let changes = compare(&json!({"a": nested(64)}), &json!({"a": nested(65)}));
        let change = changes.get("a").unwrap();
        assert_eq!(change.old, Some(nested(64)));
        assert_eq!(change.new, Some("[cut: nested deeper than 64 levels]".into()));
        assert!(change.cut);
    }

    #[test]
    fn null_and_nothing_stay_apart_when_written() {
        let changes = compare(&json!({"a": null}), &json!({"b": null}));
        let json = serde_json::to_string(&changes).unwrap();
        assert_eq!(json, r#"{"list":[{"path":"/a","old":null},{"path":"/b","new":null}]}"#);
        assert_eq!(serde_json::from_str::<Changes>(&json).unwrap(), changes);
    }

    #[test]
    fn what_has_no_json_form_is_an_error_that_says_which() {
        let broken = std::collections::HashMap::from([((1, 2), 3)]);
        let error = Changes::between(&broken, &1).unwrap_err().to_string();
        assert_eq!(error, "the old value cannot be written as JSON: key must be a string");
        let error = Changes::between(&1, &broken).unwrap_err().to_string();
        assert!(error.starts_with("the new value"));
    }
}
