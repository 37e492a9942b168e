//! Properties of the changes between any two values.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::compare::differing;
use super::{Changes, path};
use crate::payload::{Redaction, apply_to_changes};

/// Small trees of JSON.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_u8).prop_map(Value::from),
        "[a-z./~]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c./~]{0,2}", inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Whether `changes` contain every difference at or below `path`.
fn have_all(changes: &Changes, path: &str, old: &Value, new: &Value) -> bool {
    let below = |key: &str| path::below(path, key);
    match (old, new) {
        (old, new) if old == new => true,
        (Value::Object(old), Value::Object(new)) => old.keys().chain(new.keys()).all(|key| {
            let at = below(key);
            match (old.get(key), new.get(key)) {
                (Some(old), Some(new)) => have_all(changes, &at, old, new),
                _ => changes.get(&at).is_some(),
            }
        }),
        (Value::Array(old_items), Value::Array(new_items)) if changes.get(path).is_none() => {
            let (start, old_items, new_items) = differing(old_items, new_items);
            (0..old_items.len().max(new_items.len())).all(|index| {
                let at = below(&(start + index).to_string());
                match (old_items.get(index), new_items.get(index)) {
                    (Some(old), Some(new)) => have_all(changes, &at, old, new),
                    _ => changes.get(&at).is_some(),
                }
            })
        }
        _ => changes.get(path).is_some(),
    }
}

proptest! {
    #[test]
    fn changes_are_what_differs_and_nothing_else(old in tree(), new in tree()) {
        let changes = Changes::between(&old, &new).unwrap();
        prop_assert!(changes.is_complete() && have_all(&changes, "", &old, &new));
        for change in &changes {
            prop_assert_ne!(&change.old, &change.new);
            for (whole, side) in [(&old, &change.old), (&new, &change.new)] {
                // The next item has the place of one that was removed from a list.
                let parent = change.path.rsplit_once('/').and_then(|(path, _)| whole.pointer(path));
                if side.is_some() || !parent.is_some_and(Value::is_array) {
                    prop_assert_eq!(whole.pointer(&change.path), side.as_ref());
                }
            }
        }
        let json = serde_json::to_string(&changes).unwrap();
        prop_assert_eq!(serde_json::from_str::<Changes>(&json).unwrap(), changes);
    }

    #[test]
    fn what_is_left_out_is_nowhere(old in tree(), new in tree()) {
        let changes = Changes::between(&old, &new).unwrap();
        for change in &changes {
            let Some((_, step)) = change.path.rsplit_once('/') else { continue };
            let without = changes.clone().without(&path::key(step));
            prop_assert!(without.get(&change.path).is_none() && without.len() < changes.len());
        }
    }

    #[test]
    fn no_redaction_lets_a_value_or_a_key_through(secret in tree(), other in tree(), at in "[a-c]") {
        let hidden = |value: &Value| json!({"in": {"my_secret": {"SECRET": value}}, "list": [{"mySecret": [value, "SECRET"]}]});
        let (mut old, mut new) = (hidden(&secret), hidden(&other));
        old["in"][&at] = other;
        new["in"]["my_secret"]["SECRET-too"] = secret;
        let changes = Changes::between(&old, &new).unwrap();
        for redaction in [Redaction::mask("/x"), Redaction::hash("/x"), Redaction::drop("/x")] {
            let redaction = [redaction.changes_of("mySecret")];
            let shown = apply_to_changes(&redaction, &changes, &|_| "#".to_owned());
            prop_assert!(!serde_json::to_string(&shown).unwrap().contains("SECRET"));
        }
    }
}
