//! JSON whose numbers are those that were written.

use std::borrow::Cow;

use serde_json::Value;

/// The text as JSON for people and logs. Each number is as its type has written it: an `f32` of 5.55 is 5.55, and an
/// integer of more than 64 bits, which no number of `serde_json` can hold, is a text.
pub(crate) fn exact_text(json: &str) -> serde_json::Result<Value> {
    serde_json::from_str(&quoted(json))
}

/// The JSON with quotes around each integer of more than 64 bits.
fn quoted(json: &str) -> Cow<'_, str> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    // Hardly any payload has so many digits in a row.
    if !json.as_bytes().chunk_by(|a, b| is_digit(a) && is_digit(b)).any(|run| run.len() > 18) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 2);
    let mut rest = json;
    while let Some(start) = rest.find(|next: char| next == '"' || is_of_number(next)) {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = if rest.starts_with('"') { end_of_string(rest) } else { end_of_number(rest) };
        let (token, after) = rest.split_at(end);
        let is_large = token.bytes().all(|byte| byte == b'-' || is_digit(&byte))
            && token.parse::<i64>().is_err()
            && token.parse::<u64>().is_err();
        let quote = if is_large { "\"" } else { "" };
        text.extend([quote, token, quote]);
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn is_of_number(next: char) -> bool {
    next.is_ascii_digit() || next == '-'
}

fn end_of_number(text: &str) -> usize {
    text.find(|next: char| !is_of_number(next) && !"+.eE".contains(next)).unwrap_or(text.len())
}

/// Where the string ends with which the text begins.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Numbers {
        near_one: f64,
        price: f32,
        large: u128,
        low: i128,
        largest: u64,
        least: i64,
        map: std::collections::BTreeMap<u128, u128>,
        text: &'static str,
        tiny: f64,
    }

    #[test]
    fn numbers_are_those_that_were_written() {
        let numbers = Numbers {
            near_one: 0.999_999_999_999_999_9,
            price: 5.55,
            large: u128::MAX,
            low: i128::MIN,
            largest: u64::MAX,
            least: i64::MIN,
            map: [(u128::MAX, 1)].into(),
            text: r#"a "99999999999999999999" \"#,
            tiny: 1.234_567_890_123_456_7e-300,
        };
        let expected = json!({
            "near_one": 0.999_999_999_999_999_9,
            "price": 5.55,
            "large": "340282366920938463463374607431768211455",
            "low": "-170141183460469231731687303715884105728",
            "largest": u64::MAX,
            "least": i64::MIN,
            "map": {"340282366920938463463374607431768211455": 1},
            "text": r#"a "99999999999999999999" \"#,
            "tiny": 1.234_567_890_123_456_7e-300,
        });
        let text = serde_json::to_string(&numbers).unwrap();
        assert_eq!(exact_text(&text).unwrap(), expected);
        let alone = exact_text(&u128::MAX.to_string()).unwrap();
        assert_eq!(alone, json!("340282366920938463463374607431768211455"));
        assert_eq!(exact_text("[1e400]").ok(), None);
    }
}
