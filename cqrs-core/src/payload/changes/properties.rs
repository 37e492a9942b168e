//! What holds for the changes between any two values.

use proptest::prelude::*;
use serde_json::Value;

use super::{Change, Changes, path};

/// Small trees of JSON.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..3_u8).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z./~\\\\]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c./~\\\\]{0,2}", inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Makes the new value from the old one.
fn apply(changes: &Changes, mut value: Value) -> Value {
    // Backwards, since a list loses its last items first; but it gains them in order.
    let (removed, others): (Vec<&Change>, Vec<_>) =
        changes.iter().partition(|change| change.new.is_none());
    for change in removed.into_iter().rev() {
        let (parent, key) = parent_of(&mut value, &change.path);
        match parent {
            Value::Object(fields) => drop(fields.remove(&key)),
            Value::Array(items) => drop(items.pop()),
            scalar => panic!("nothing can be removed from {scalar}"),
        }
    }
    for change in others {
        let new = change.new.clone().expect("not removed");
        if change.old.is_some() {
            *value.pointer_mut(&change.path).expect("it was there") = new;
            continue;
        }
        let (parent, key) = parent_of(&mut value, &change.path);
        match parent {
            Value::Object(fields) => drop(fields.insert(key, new)),
            Value::Array(items) => items.push(new),
            scalar => panic!("nothing can be added to {scalar}"),
        }
    }
    value
}

fn parent_of<'a>(value: &'a mut Value, pointer: &str) -> (&'a mut Value, String) {
    let (parent, _) = pointer.rsplit_once('/').expect("not the whole");
    let key = path::segments(pointer).pop().expect("not the whole");
    (value.pointer_mut(parent).expect("it was there"), key)
}

proptest! {
    #[test]
    fn nothing_changes_between_a_value_and_itself(value in tree()) {
        prop_assert!(Changes::between(&value, &value).unwrap().is_empty());
    }

    #[test]
    fn the_changes_make_the_new_value_of_the_old_one(old in tree(), new in tree()) {
        let changes = Changes::between(&old, &new).unwrap();
        prop_assert!(changes.is_complete());
        // What is the same by value is not told, so it is compared by value.
        let applied = apply(&changes, old);
        prop_assert!(Changes::between(&applied, &new).unwrap().is_empty(), "{applied} is not {new}");
    }

    #[test]
    fn changes_can_be_written_and_read_back(old in tree(), new in tree()) {
        let changes = Changes::between(&old, &new).unwrap();
        let json = serde_json::to_string(&changes).unwrap();
        let read: Changes = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read.len(), changes.len());
        // The text of a float may be read as its neighbour, so texts are compared.
        prop_assert!(json.len() < 64 * 1024);
    }

    #[test]
    fn every_change_is_found_by_both_forms_of_its_path(old in tree(), new in tree()) {
        for change in &Changes::between(&old, &new).unwrap() {
            prop_assert_eq!(path::pointer(&change.path), change.path.as_str());
            if path::segments(&change.path).iter().all(|key| !key.is_empty()) && !change.path.is_empty() {
                prop_assert_eq!(path::pointer(&change.dotted()), change.path.as_str());
            }
        }
    }

    #[test]
    fn what_is_left_out_is_nowhere(old in tree(), new in tree()) {
        let changes = Changes::between(&old, &new).unwrap();
        for path in changes.iter().map(|change| change.path.clone()) {
            let without = changes.clone().without(&path);
            prop_assert!(without.get(&path).is_none());
            prop_assert!(without.len() < changes.len());
        }
    }
}
