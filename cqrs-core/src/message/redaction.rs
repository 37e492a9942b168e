//! Keeping marked fields out of logs.

use serde_json::Value;

/// What stands in a payload where a value was redacted.
pub const REDACTED: &str = "[redacted]";

/// What stands for a payload that has no JSON form.
pub(super) const UNREADABLE: &str = "[unreadable]";

/// A part of a payload that never reaches a log, by its place in the JSON form.
///
/// `#[event(redact)]` makes these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redaction {
    pointer: &'static str,
    optional: bool,
}

impl Redaction {
    /// Masks the value at `pointer`, a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)).
    ///
    /// Where nothing is at that place, the payload is not of the expected form, and the whole of it is
    /// masked.
    pub const fn mask(pointer: &'static str) -> Self {
        Self { pointer, optional: false }
    }

    /// Says that the value may be absent.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

pub(super) fn apply(redactions: &[Redaction], mut payload: Value) -> Value {
    for redaction in redactions {
        match payload.pointer_mut(redaction.pointer) {
            Some(Value::Null) => {}
            Some(value) => *value = Value::String(REDACTED.to_owned()),
            None if redaction.optional => {}
            None => return Value::String(REDACTED.to_owned()),
        }
    }
    payload
}

/// `text` with every redacted value of `payload` masked that stands in it word for word, such as in an
/// error that quotes an address. A value of less than three characters is no secret that could be told
/// from other text.
pub(super) fn mask_in_text(redactions: &[Redaction], payload: &Value, mut text: String) -> String {
    let mut values = Vec::new();
    for redaction in redactions {
        if let Some(value) = payload.pointer(redaction.pointer) {
            collect_texts(value, &mut values);
        }
    }
    // The longest first, since one may be a part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values.iter().filter(|value| value.chars().nth(2).is_some()) {
        if text.contains(value) {
            text = text.replace(value, REDACTED);
        }
    }
    text
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => texts.push(text.clone()),
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
        let masked = apply(&redactions, payload);
        assert_eq!(masked, json!({"id": 1, "email": "[redacted]", "phone": null}));
    }

    #[test]
    fn masks_what_a_text_quotes_from_marked_values() {
        let payload =
            json!({"id": 7, "owner": {"email": "ada@example.com", "pin": 4711, "x": "ab"}});
        let text = "no mailbox ada@example.com for ab with 4711, id 7".to_owned();
        let masked = mask_in_text(&[Redaction::mask("/owner")], &payload, text);
        assert_eq!(masked, "no mailbox [redacted] for ab with [redacted], id 7");
    }

    #[test]
    fn masks_everything_when_the_marked_place_is_missing() {
        let masked = apply(&[Redaction::mask("/email")], json!({"mail": "ada@example.com"}));
        assert_eq!(masked, json!("[redacted]"));
    }
}
