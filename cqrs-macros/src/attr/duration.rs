//! Durations in annotations: `"250ms"`, `"30s"`, `"5m"`, `"24h"`.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{LitInt, LitStr};

use crate::attr::value;

/// A duration and the literal that states it.
#[derive(Clone)]
pub(crate) struct Duration {
    pub(crate) millis: u64,
    pub(crate) literal: LitStr,
}

/// The shortest and the longest duration that an option accepts, as written in an annotation.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

/// Reads `= "30s"`.
pub(crate) fn read(
    key: &Ident,
    example: &str,
    range: Range,
    input: ParseStream<'_>,
) -> syn::Result<Duration> {
    value::equals(key, example, input)?;
    after_equals(key, example, range, input)
}

/// Reads `"30s"`.
pub(crate) fn after_equals(
    key: &Ident,
    example: &str,
    range: Range,
    input: ParseStream<'_>,
) -> syn::Result<Duration> {
    if input.peek(LitInt) {
        let number: LitInt = input.parse()?;
        let message = if number.suffix().is_empty() {
            format!("write the unit: `{key} = \"{number}s\"` or `{key} = \"{number}ms\"`")
        } else {
            format!("write the duration as a string: `{key} = \"{number}\"`")
        };
        return Err(syn::Error::new(number.span(), message));
    }
    if !input.peek(LitStr) {
        return Err(value::expected("a duration", example, key, input));
    }
    let literal: LitStr = input.parse()?;
    let millis = within(&literal.value(), range)
        .map_err(|problem| syn::Error::new(literal.span(), format!("`{key}` {problem}")))?;
    Ok(Duration { millis, literal })
}

fn within(text: &str, range: Range) -> Result<u64, String> {
    let millis = millis(text).ok_or_else(|| {
        "takes a whole number and its unit `ms`, `s`, `m` or `h`, such as \"250ms\" or \"30s\""
            .to_owned()
    })?;
    let inside = millis >= millis_of(range.from) && millis <= millis_of(range.to);
    if inside {
        return Ok(millis);
    }
    Err(format!("is out of range: \"{}\" to \"{}\" are allowed", range.from, range.to))
}

/// A duration that this crate states itself.
pub(crate) fn millis_of(text: &str) -> u64 {
    millis(text).unwrap_or(u64::MAX)
}

fn millis(text: &str) -> Option<u64> {
    let unit_at = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    if number.is_empty() {
        return None;
    }
    // A number too long for `u64` is a duration too, beyond every range.
    Some(number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, expected) in [
            ("250ms", Some(250)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("24h", Some(86_400_000)),
            ("0s", Some(0)),
            ("99999999999999999999h", Some(u64::MAX)),
            ("30", None),
            ("s", None),
            ("", None),
            ("1.5s", None),
            ("-1s", None),
            ("30 s", None),
            ("30S", None),
            ("1d", None),
            ("1m30s", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn a_range_includes_its_ends() {
        let range = Range { from: "1ms", to: "1h" };
        assert_eq!(within("1ms", range), Ok(1));
        assert_eq!(within("60m", range), Ok(3_600_000));
        let error = within("61m", range).unwrap_err();
        assert_eq!(error, "is out of range: \"1ms\" to \"1h\" are allowed");
        assert!(within("0s", range).is_err());
    }
}
