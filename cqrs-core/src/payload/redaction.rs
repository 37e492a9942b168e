//! Redaction: keeps marked fields out of logs.

use serde::Deserialize;
use serde_json::Value;

use super::changes::Changes;

/// The replacement of a payload that has no JSON form.
pub(crate) const UNREADABLE: &str = "[unreadable]";

/// A part of a payload that must not reach a log, and what replaces it. `#[event(redact)]` makes these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redaction {
    kind: Kind,
    pointer: &'static str,
    optional: bool,
    changes_of: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mask,
    Hash,
    Drop,
}

impl Redaction {
    /// The text in place of a redacted value.
    pub const MASK: &'static str = "[redacted]";

    /// Masks the value at `pointer`, a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)):
    /// [`MASK`](Self::MASK) takes its place.
    ///
    /// If the pointer finds no value, the payload does not have the expected form, and all of it is masked.
    pub const fn mask(pointer: &'static str) -> Self {
        Self::new(Kind::Mask, pointer)
    }

    /// As [`mask`](Self::mask), but if a hash function is given, the hash replaces the value, so that equal
    /// values can be found although they are not shown.
    pub const fn hash(pointer: &'static str) -> Self {
        Self::new(Kind::Hash, pointer)
    }

    /// As [`mask`](Self::mask), but the value is removed; in a list, `null` replaces it.
    pub const fn drop(pointer: &'static str) -> Self {
        Self::new(Kind::Drop, pointer)
    }

    const fn new(kind: Kind, pointer: &'static str) -> Self {
        Self { kind, pointer, optional: false, changes_of: None }
    }

    /// Allows that the value is absent.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The value is a [`Changes`], in which only the changes of `field` are redacted: those of keys with
    /// this name, at any depth and in any case. `""` means all changes.
    pub const fn changes_of(mut self, field: &'static str) -> Self {
        self.changes_of = Some(field);
        self
    }

    /// The replacement of the value; `None` if the value is removed.
    fn redacted(self, value: &Value, hash: Hash<'_>) -> Option<Value> {
        match self.kind {
            Kind::Mask => Some(masked(value)),
            Kind::Hash if value.is_null() => Some(Value::Null),
            Kind::Hash => Some(Value::String(hash(value))),
            Kind::Drop => None,
        }
    }
}

/// Converts a value into a text that does not show the value.
pub(crate) type Hash<'a> = &'a dyn Fn(&Value) -> String;

/// The hash function if there is no key: it masks the value.
#[cfg(test)]
const NO_HASH: Hash<'_> = &|_| Redaction::MASK.to_owned();

/// The replacement of a masked value. `null` remains, because it contains nothing.
pub(crate) fn masked(value: &Value) -> Value {
    if value.is_null() { Value::Null } else { Value::String(Redaction::MASK.to_owned()) }
}

pub(crate) fn apply(redactions: &[Redaction], mut payload: Value, hash: Hash<'_>) -> Value {
    // Changes come first, while they can still be parsed.
    let in_changes = redactions.iter().filter(|redaction| redaction.changes_of.is_some());
    let others = redactions.iter().filter(|redaction| redaction.changes_of.is_none());
    for redaction in in_changes.chain(others) {
        match payload.pointer_mut(redaction.pointer) {
            Some(value) => redact_value(*redaction, value, hash),
            None if redaction.optional => continue,
            None => return Value::String(Redaction::MASK.to_owned()),
        }
        if redaction.kind == Kind::Drop && redaction.changes_of.is_none() {
            remove(&mut payload, redaction.pointer);
        }
    }
    payload
}

fn redact_value(redaction: Redaction, value: &mut Value, hash: Hash<'_>) {
    let Some(field) = redaction.changes_of else {
        *value = redaction.redacted(value, hash).unwrap_or_default();
        return;
    };
    if value.is_null() {
        return;
    }
    *value = match Changes::deserialize(&*value) {
        Ok(mut changes) => {
            changes.replace(field, &mut |value| redaction.redacted(&value, hash));
            serde_json::to_value(changes).unwrap_or_else(|_| masked(value))
        }
        // The payload does not have a form in which the field's changes can be found.
        Err(_) => masked(value),
    };
}

/// Removes a field. An item of a list becomes `null`, so that the other items keep their index.
fn remove(payload: &mut Value, pointer: &str) {
    if let Some((parent, key)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = payload.pointer_mut(parent)
    {
        fields.remove(&key.replace("~1", "/").replace("~0", "~"));
    }
}

/// `changes` after redaction.
pub(crate) fn apply_to_changes(
    redactions: &[Redaction],
    changes: &Changes,
    hash: Hash<'_>,
) -> Changes {
    let mut changes = changes.clone();
    for redaction in redactions {
        if let Some(field) = redaction.changes_of {
            changes.replace(field, &mut |value| redaction.redacted(&value, hash));
        }
    }
    changes
}

/// Masks in `text`, such as an error, every redacted value of `payload` and its changes that occurs literally,
/// and `entity_id`; but no value of less than three characters, which could be any other text.
pub(crate) fn mask_in_text(
    redactions: &[Redaction],
    payload: &Value,
    entity_id: Option<String>,
    text: String,
) -> String {
    let mut values = Vec::from_iter(entity_id);
    for redaction in redactions {
        let Some(value) = payload.pointer(redaction.pointer) else {
            continue;
        };
        match (redaction.changes_of, Changes::deserialize(value)) {
            (Some(field), Ok(mut changes)) => changes.replace(field, &mut |value| {
                collect_texts(&value, &mut values);
                None
            }),
            _ => collect_texts(value, &mut values),
        }
    }
    mask(values, text)
}

/// Masks in an error every value of a payload that cannot be read: which of them are redacted is not known.
pub(crate) fn mask_all_in_text(payload: &str, text: String) -> String {
    let mut values = Vec::new();
    // Errors about what is no JSON quote nothing.
    if let Ok(payload) = serde_json::from_str(payload) {
        collect_texts(&payload, &mut values);
    }
    mask(values, text)
}

fn mask(mut values: Vec<String>, mut text: String) -> String {
    // The longest first, because one value may be part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values.iter().filter(|value| value.chars().nth(2).is_some()) {
        if text.contains(value) {
            text = text.replace(value, Redaction::MASK);
        }
    }
    text
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => {
            // As serde quotes it.
            texts.push(format!("{text:?}"));
            texts.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect_texts(field, texts)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masks_what_is_marked_and_leaves_the_rest() {
        let payload = json!({"id": 1, "email": "ada@example.com", "phone": null});
        let redactions = [
            Redaction::mask("/email"),
            Redaction::mask("/phone"),
            Redaction::mask("/fax").optional(),
        ];
        let masked = apply(&redactions, payload, NO_HASH);
        assert_eq!(masked, json!({"id": 1, "email": "[redacted]", "phone": null}));
    }

    #[test]
    fn masks_what_a_text_quotes_from_marked_values() {
        let payload =
            json!({"id": 7, "owner": {"email": "ada@example.com", "pin": 4711, "x": "ab"}});
        let text = "no mailbox ada@example.com for ab with 4711, id 7".to_owned();
        let masked = mask_in_text(&[Redaction::mask("/owner")], &payload, None, text);
        assert_eq!(masked, "no mailbox [redacted] for ab with [redacted], id 7");
    }

    #[test]
    fn masks_everything_when_the_marked_place_is_missing() {
        let masked =
            apply(&[Redaction::mask("/email")], json!({"mail": "ada@example.com"}), NO_HASH);
        assert_eq!(masked, json!("[redacted]"));
    }

    #[test]
    fn hashes_and_removes() {
        let payload =
            json!({"id": 1, "email": "ada@example.com", "a/b": 2, "list": [1, 2, 3], "x": null});
        let redactions = [
            Redaction::hash("/email"),
            Redaction::hash("/x"),
            Redaction::drop("/a~1b"),
            Redaction::drop("/list/0"),
            Redaction::mask("/list/2"),
            Redaction::drop("/none").optional(),
        ];
        let hash = |value: &Value| format!("hash of {value}");
        assert_eq!(
            apply(&redactions, payload.clone(), &hash),
            json!({
                "id": 1,
                "email": "hash of \"ada@example.com\"",
                "list": [null, 2, "[redacted]"],
                "x": null,
            })
        );
        let text = mask_in_text(&redactions, &payload, None, "ada@example.com".to_owned());
        assert_eq!(text, "[redacted]");
        assert_eq!(apply(&[Redaction::drop("")], payload.clone(), NO_HASH), Value::Null);
        assert_eq!(apply(&[Redaction::drop("/y")], payload, NO_HASH), json!("[redacted]"));
    }

    #[test]
    fn masks_what_a_text_quotes_from_the_changes_of_marked_values() {
        let changes = Changes::between(&json!({"mail": "old@a.b", "n": 123}), &json!({"n": 456}));
        let payload = json!({ "changes": changes.unwrap() });
        let redactions = [Redaction::drop("/changes").changes_of("mail")];
        let text = "old@a.b is no mailbox, 123".to_owned();
        assert_eq!(
            mask_in_text(&redactions, &payload, None, text),
            "[redacted] is no mailbox, 123"
        );
    }
}
