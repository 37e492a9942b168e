//! The comparison of two values, within limits.

use serde_json::Value;

use super::super::{MAX_PAYLOAD_DEPTH, size_within};
use super::{Change, Changes, path};

/// A value that is nested deeper is cut, so that it fits into a payload.
const MAX_VALUE_DEPTH: usize = MAX_PAYLOAD_DEPTH - 36;

/// The bytes that the JSON needs in addition to the changes.
const FRAME: usize = 40;

pub(super) fn compare(old: &Value, new: &Value) -> Changes {
    let mut comparison =
        Comparison { changes: Changes::default(), room: Changes::MAX_SIZE - FRAME };
    comparison.add("", Some(old), Some(new));
    comparison.changes
}

struct Comparison {
    changes: Changes,
    /// How many bytes may still be added.
    room: usize,
}

impl Comparison {
    fn add(&mut self, path: &str, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                let added = new.keys().filter(|key| !old.contains_key(*key));
                for key in old.keys().chain(added) {
                    self.add(&path::below(path, key), old.get(key), new.get(key));
                }
            }
            (Some(Value::Array(old)), Some(Value::Array(new)))
                if old.iter().chain(new).any(Value::is_object) =>
            {
                let (start, old, new) = differing(old, new);
                for index in 0..old.len().max(new.len()) {
                    let path = path::below(path, &(start + index).to_string());
                    self.add(&path, old.get(index), new.get(index));
                }
            }
            (old, new) => self.push(path, old, new),
        }
    }

    fn push(&mut self, path: &str, old: Option<&Value>, new: Option<&Value>) {
        let mut cut = false;
        let (old, new) = (old.map(|it| bounded(it, &mut cut)), new.map(|it| bounded(it, &mut cut)));
        let change = Change { path: path.to_owned(), old, new, cut };
        // With a comma.
        let size = size_within(&change, MAX_PAYLOAD_DEPTH).map_or(usize::MAX, |size| size + 1);
        match self.room.checked_sub(size) {
            Some(room) if self.changes.list.len() < Changes::MAX_LEN => {
                self.room = room;
                self.changes.list.push(change);
            }
            _ => self.changes.omitted += 1,
        }
    }
}

/// The items between those that are equal at the beginning and at the end, and the index of the first of them. So an
/// item that was added or removed anywhere is one change.
pub(super) fn differing<'a>(
    old: &'a [Value],
    new: &'a [Value],
) -> (usize, &'a [Value], &'a [Value]) {
    let equal = |(old, new): &(&Value, &Value)| old == new;
    let start = old.iter().zip(new).take_while(equal).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(equal).count();
    (start, &old[..old.len() - end], &new[..new.len() - end])
}

/// The value within its limits.
fn bounded(value: &Value, cut: &mut bool) -> Value {
    let size = size_within(value, MAX_VALUE_DEPTH);
    if size.is_ok_and(|size| size <= Changes::MAX_VALUE_SIZE) {
        return value.clone();
    }
    *cut = true;
    match value {
        Value::String(text) => {
            let end = text.floor_char_boundary(Changes::MAX_VALUE_SIZE);
            format!("{}… [cut]", &text[..end]).into()
        }
        // Not its beginning as a text, because redaction could no longer find its fields in a text.
        _ => "[cut]".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[track_caller]
    fn assert_shows(old: &Value, new: &Value, changes: &str) {
        assert_eq!(compare(old, new).to_string(), changes);
    }

    #[test]
    fn fields_are_compared_at_any_depth() {
        let old = json!({"name": "Ada", "address": {"city": "London", "zip": 1}, "gone": null});
        let new = json!({"name": "Ada", "address": {"city": "Paris", "zip": 1}, "new": {"a": 1}});
        let changes =
            r#"address.city: "London" -> "Paris", gone: null -> nothing, new: nothing -> {"a":1}"#;
        assert_shows(&old, &new, changes);
        assert_shows(&json!({"a": {"b": 1}}), &json!({"a": 1}), r#"a: {"b":1} -> 1"#);
        assert_shows(&json!(1), &json!(2), "the whole: 1 -> 2");
    }

    #[test]
    fn lists_are_one_value_unless_they_hold_objects() {
        assert_shows(&json!({"a": [1, 2]}), &json!({"a": [2]}), "a: [1,2] -> [2]");
        let old = json!({"lines": [{"sum": 1}, {"sum": 2}, {"sum": 3}]});
        let new = json!({"lines": [{"sum": 1}, {"sum": 4}]});
        assert_shows(&old, &new, r#"lines.1.sum: 2 -> 4, lines.2: {"sum":3} -> nothing"#);
    }

    #[test]
    fn an_item_that_is_added_or_removed_is_one_change() {
        let lines =
            |sums: &[u32]| -> Value { sums.iter().map(|sum| json!({"sum": sum})).collect() };
        let all = lines(&[1, 2, 3]);
        assert_shows(&all, &lines(&[2, 3]), r#"0: {"sum":1} -> nothing"#);
        assert_shows(&all, &lines(&[1, 3]), r#"1: {"sum":2} -> nothing"#);
        assert_shows(&all, &lines(&[0, 1, 2, 3]), r#"0: nothing -> {"sum":0}"#);
        assert_shows(&all, &lines(&[1, 9, 3]), "1.sum: 2 -> 9");
        assert_shows(&lines(&[1, 1]), &lines(&[1]), r#"1: {"sum":1} -> nothing"#);
    }

    #[test]
    fn more_changes_than_are_held_are_counted() {
        let numbers = |from: usize| -> Value {
            let fields = (0..300).map(|index| (index.to_string(), json!(from + index)));
            fields.collect::<Map<_, _>>().into()
        };
        let changes = compare(&numbers(0), &numbers(1));
        assert_eq!((changes.len(), changes.omitted()), (Changes::MAX_LEN, 100));
        assert!(!changes.is_complete() && !changes.is_empty());
        assert!(changes.to_string().ends_with(", and 100 more"));
    }

    #[test]
    fn long_values_are_cut() {
        let long = "ä".repeat(4000);
        let old = json!({"text": long, "list": vec![1; 4000]});
        let changes = compare(&old, &json!({"text": "", "list": ["a"]}));
        let old = |path: &str| changes.get(path).filter(|it| it.cut)?.old.as_ref()?.as_str();
        assert_eq!(old("text"), Some(&*format!("{}… [cut]", "ä".repeat(2048))));
        assert_eq!(old("list"), Some("[cut]"));
        assert!(!changes.is_complete());
    }

    #[test]
    fn all_changes_fit_into_a_payload() {
        let old: Value =
            (0..100).map(|key| (key.to_string(), json!("\u{1}".repeat(4000)))).collect();
        let changes = compare(&old, &json!({}));
        assert!(size_within(&changes, MAX_PAYLOAD_DEPTH).unwrap() <= Changes::MAX_SIZE);
        assert_eq!(changes.len() + changes.omitted(), 100);
        let nested = (0..99).fold(json!(1), |value, _| json!([value]));
        let changes = compare(&json!({ "a": nested, "k".repeat(100_000): 1 }), &json!({"a": 1}));
        assert_eq!((changes.len(), changes.omitted()), (1, 1));
        assert!(changes.get("a").unwrap().cut);
    }

    #[test]
    fn null_and_nothing_remain_apart_when_written() {
        let changes = compare(&json!({"a": null}), &json!({"b": null}));
        let json = serde_json::to_string(&changes).unwrap();
        assert_eq!(json, r#"{"list":[{"path":"/a","old":null},{"path":"/b","new":null}]}"#);
        assert_eq!(serde_json::from_str::<Changes>(&json).unwrap(), changes);
    }
}
