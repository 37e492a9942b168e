//! The option `rate` of an events handler: `"100/s"`.

use proc_macro2::Ident;
use syn::LitStr;
use syn::parse::ParseStream;

use crate::attr::value::{self, Limit};

const EXAMPLE: &str = "rate = \"100/s\"` or `rate = none";
const MOST: u32 = 1_000_000;

/// How many attempts are made at most in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) attempts: u32,
    pub(crate) period: Period,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Second,
    Minute,
    Hour,
}

/// Reads `= "100/s"` or `= none`.
pub(crate) fn read(key: &Ident, input: ParseStream<'_>) -> syn::Result<Limit<Rate>> {
    value::equals(key, EXAMPLE, input)?;
    if value::is_off(input)? {
        return Ok(Limit::Off);
    }
    if !input.peek(LitStr) {
        return Err(value::expected("a number and its time", EXAMPLE, key, input));
    }
    let literal: LitStr = input.parse()?;
    parse(&literal.value())
        .map(Limit::At)
        .map_err(|problem| syn::Error::new(literal.span(), format!("`{key}` {problem}")))
}

fn parse(text: &str) -> Result<Rate, String> {
    let form =
        || "takes a whole number and `/s`, `/m` or `/h`, such as \"100/s\" or \"5/m\"".to_owned();
    let (number, unit) = text.split_once('/').ok_or_else(form)?;
    let period = match unit {
        "s" => Period::Second,
        "m" => Period::Minute,
        "h" => Period::Hour,
        _ => return Err(form()),
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(form());
    }
    match number.parse() {
        Ok(attempts @ 1..=MOST) => Ok(Rate { attempts, period }),
        Ok(0) => Err("is out of range: at least 1 is allowed, such as \"1/h\"; to stop a handler \
                      for a while, pause it at run time"
            .to_owned()),
        _ => Err(format!("is out of range: 1 to {MOST} are allowed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_a_number_and_a_time() {
        for (text, attempts, period) in [
            ("100/s", 100, Period::Second),
            ("5/m", 5, Period::Minute),
            ("1/h", 1, Period::Hour),
            ("1000000/s", MOST, Period::Second),
        ] {
            assert_eq!(parse(text), Ok(Rate { attempts, period }), "{text}");
        }
        for text in ["", "100", "/s", "100/", "100/d", "1.5/s", "-1/s", "+1/s", "100 / s", "1/s/s"]
        {
            assert!(parse(text).unwrap_err().starts_with("takes a whole number"), "{text}");
        }
        for text in ["0/s", "1000001/s", "99999999999999999999/s"] {
            assert!(parse(text).unwrap_err().starts_with("is out of range"), "{text}");
        }
    }
}
