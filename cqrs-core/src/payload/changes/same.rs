//! Whether two values are the same, whatever their form.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Number, Value};

/// Compares numbers and times by value, everything else as it is written.
pub(super) fn same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Number(old), Value::Number(new)) => same_number(old, new),
        (Value::String(old), Value::String(new)) => old == new || same_time(old, new),
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same(old, new))
        }
        (Value::Object(old), Value::Object(new)) => {
            let same_in_new =
                |(key, old): (&String, &Value)| new.get(key).is_some_and(|new| same(old, new));
            old.len() == new.len() && old.iter().all(same_in_new)
        }
        (old, new) => old == new,
    }
}

fn same_number(old: &Number, new: &Number) -> bool {
    match (whole(old), whole(new)) {
        (Some(old), Some(new)) => old == new,
        (Some(whole), None) => is_whole(new, whole),
        (None, Some(whole)) => is_whole(old, whole),
        (None, None) => old == new,
    }
}

/// The number, if it is written as a whole one.
fn whole(number: &Number) -> Option<i128> {
    let unsigned = number.as_u64().map(i128::from);
    unsigned.or_else(|| number.as_i64().map(i128::from))
}

/// Whether a fractional number is exactly `whole`. A whole number is not made a float, which would round
/// it from 2^53 on.
fn is_whole(number: &Number, whole: i128) -> bool {
    let Some(float) = number.as_f64() else {
        return false;
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no fraction, and out of range it saturates"
    )]
    let same = float.fract() == 0.0 && float as i128 == whole;
    same
}

/// Whether both are times, and the same one.
fn same_time(old: &str, new: &str) -> bool {
    if !looks_like_a_time(old) || !looks_like_a_time(new) {
        return false;
    }
    match (old.parse::<Timestamp>(), new.parse::<Timestamp>()) {
        (Ok(old), Ok(new)) => old == new,
        // Without an offset.
        (Err(_), Err(_)) => match (old.parse::<DateTime>(), new.parse::<DateTime>()) {
            // A date alone would be read as its midnight.
            (Ok(old_time), Ok(new_time)) => has_time(old) == has_time(new) && old_time == new_time,
            _ => false,
        },
        _ => false,
    }
}

/// Keeps other texts apart, such as an identifier that could be read as a date, times whose time zone is
/// named, and leap seconds, which would be read as the second before.
fn looks_like_a_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let only = |byte: &u8| {
        matches!(byte, b'0'..=b'9' | b'-' | b'+' | b':' | b'.' | b'T' | b't' | b'Z' | b'z' | b' ')
    };
    bytes.len() >= 10
        && bytes.len() <= 40
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes.iter().all(only)
        && !text.contains(":60")
}

fn has_time(text: &str) -> bool {
    text.contains(':')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn assert_same(old: &Value, new: &Value) {
        assert!(same(old, new) && same(new, old), "{old} and {new} are the same");
    }

    #[track_caller]
    fn assert_differ(old: &Value, new: &Value) {
        assert!(!same(old, new) && !same(new, old), "{old} and {new} differ");
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert_same(&json!(1), &json!(1.0));
        assert_same(&json!(-3), &json!(-3.0));
        assert_same(&json!(0.0), &json!(-0.0));
        assert_same(&json!(9_007_199_254_740_992_u64), &json!(9_007_199_254_740_992.0));
        assert_differ(&json!(1), &json!(1.5));
        assert_differ(&json!(u64::MAX), &json!(-1));
        assert_differ(&json!(1), &json!("1"));
    }

    #[test]
    fn large_whole_numbers_are_not_rounded() {
        assert_differ(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992.0));
        assert_differ(&json!(u64::MAX), &json!(18_446_744_073_709_551_616.0));
        assert_differ(&json!(u64::MAX), &json!(u64::MAX - 1));
        assert_differ(&json!(i64::MAX), &json!(9_223_372_036_854_775_808.0));
        assert_differ(&json!(1), &json!(1e300));
    }

    #[test]
    fn one_instant_is_the_same_in_every_offset() {
        assert_same(&json!("2026-01-01T09:00:00Z"), &json!("2026-01-01T10:00:00+01:00"));
        assert_same(&json!("2026-01-01T09:00:00Z"), &json!("2026-01-01t09:00:00.000z"));
        assert_same(&json!("2025-12-31T23:30:00-01:00"), &json!("2026-01-01T00:30:00Z"));
        assert_differ(&json!("2026-01-01T09:00:00Z"), &json!("2026-01-01T09:00:00+01:00"));
        assert_differ(&json!("2026-01-01T09:00:00Z"), &json!("2026-01-01T09:00:00.001Z"));
        assert_differ(&json!("2016-12-31T23:59:60Z"), &json!("2016-12-31T23:59:59Z"));
        assert_differ(
            &json!("2026-01-01T09:00:00+00:00[Europe/London]"),
            &json!("2026-01-01T09:00:00Z"),
        );
    }

    #[test]
    fn times_without_an_offset_and_dates() {
        assert_same(&json!("2026-01-01T09:00"), &json!("2026-01-01 09:00:00.0"));
        assert_same(&json!("2026-01-01"), &json!("2026-01-01"));
        assert_differ(&json!("2026-01-01"), &json!("2026-01-02"));
        assert_differ(&json!("2026-01-01"), &json!("2026-01-01T00:00:00"));
        assert_differ(&json!("2026-01-01T09:00:00"), &json!("2026-01-01T09:00:00Z"));
    }

    #[test]
    fn texts_that_are_no_times_are_compared_as_written() {
        assert_differ(&json!("20260101"), &json!("2026-01-01"));
        assert_differ(&json!("2026-13-01"), &json!("2026-13-02"));
        assert_differ(&json!("0001-22-333 4"), &json!("0001-22-3334"));
        assert_differ(&json!("größer-1-"), &json!("größer-2-"));
    }
}
