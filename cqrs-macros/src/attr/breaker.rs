//! The option `breaker` of an events handler.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::token;

use crate::attr::duration::{self, Range};
use crate::attr::{options, value};
use crate::error::Errors;

/// What applies where a part is left out. `BreakerPolicy::default` in `cqrs-core` is the same.
const DEFAULT_FAILURES: u32 = 5;
const DEFAULT_COOLDOWN: &str = "30s";

const COOLDOWN: Range = Range { from: "1ms", to: "24h" };
const EXAMPLE: &str = "breaker(failures = 5, cooldown = \"30s\")";

/// When attempts stop for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breaker {
    pub(crate) failures: u32,
    pub(crate) cooldown_millis: u64,
}

/// Reads what follows the key: `(failures = 5, ..)`.
pub(crate) fn read(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Breaker> {
    if !input.peek(token::Paren) {
        return Err(syn::Error::new(key.span(), format!("write `{EXAMPLE}`")));
    }
    let content;
    let parens = syn::parenthesized!(content in input);
    if content.is_empty() {
        let message = format!("`breaker(..)` is empty: write `{EXAMPLE}` or a part of it");
        return Err(syn::Error::new(parens.span.join(), message));
    }
    let (mut failures, mut cooldown) = (None, None);
    options::read_list(&content, errors, |key, input, _| {
        if key == "failures" {
            let literal = value::integer(key, "failures = 5", input)?;
            let given = literal.base10_parse().unwrap_or(u32::MAX);
            if !(1..=10_000).contains(&given) {
                let message = "`failures` is out of range: 1 to 10000 are allowed";
                return Err(syn::Error::new(literal.span(), message));
            }
            options::set(&mut failures, key, given)
        } else if key == "cooldown" {
            let given = duration::read(key, "cooldown = \"30s\"", COOLDOWN, input)?;
            options::set(&mut cooldown, key, given.millis)
        } else {
            Err(options::unknown(key, "`breaker(..)`", &["failures", "cooldown"]))
        }
    });
    Ok(Breaker {
        failures: failures.unwrap_or(DEFAULT_FAILURES),
        cooldown_millis: cooldown.unwrap_or(duration::millis_of(DEFAULT_COOLDOWN)),
    })
}
