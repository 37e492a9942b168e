//! The option `breaker` of an events handler.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{Token, token};

use crate::attr::duration::{self, Range};
use crate::attr::options;
use crate::attr::value::{self, Limit};
use crate::error::Errors;

const COOLDOWN: Range = Range { from: "1ms", to: "24h" };
const EXAMPLE: &str = "breaker(failures = 5, cooldown = \"30s\")";

/// When the handler makes no attempts. The core has defaults for the parts that are not given.
#[derive(Clone, Copy, Default)]
pub(crate) struct Breaker {
    pub(crate) failures: Option<u32>,
    pub(crate) cooldown_millis: Option<u64>,
    pub(crate) counts_all: bool,
}

/// Reads what follows the key: `(failures = 5, ..)` or `= none`.
pub(crate) fn read(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Limit<Breaker>> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        if value::is_off(input)? {
            return Ok(Limit::Off);
        }
        let message = format!("write `breaker = none` or `{EXAMPLE}`");
        return Err(syn::Error::new(input.span(), message));
    }
    if !input.peek(token::Paren) {
        let message = format!("`breaker` needs a value: `breaker = none` or `{EXAMPLE}`");
        return Err(syn::Error::new(key.span(), message));
    }
    let content;
    let parens = syn::parenthesized!(content in input);
    if content.is_empty() {
        let message = format!("`breaker(..)` is empty: write `{EXAMPLE}` or a part of it");
        return Err(syn::Error::new(parens.span.join(), message));
    }
    let (mut failures, mut cooldown_millis, mut count) = (None, None, None);
    options::read_list(&content, errors, |key, input, _| {
        if key == "failures" {
            let given = value::integer_in(1..=10_000, key, "failures = 5", input)?;
            options::set(&mut failures, key, given)
        } else if key == "cooldown" {
            let given = duration::read(key, "cooldown = \"30s\"", COOLDOWN, input)?;
            options::set(&mut cooldown_millis, key, given.millis)
        } else if key == "count" {
            options::set(&mut count, key, value::one_of(&["all"], key, "count = \"all\"", input)?)
        } else {
            Err(options::unknown(key, "`breaker(..)`", &["failures", "cooldown", "count"]))
        }
    });
    Ok(Limit::At(Breaker { failures, cooldown_millis, counts_all: count.is_some() }))
}
