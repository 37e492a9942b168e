//! The option `batch` of an events handler.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::token;

use crate::attr::duration::{self, Range};
use crate::attr::{options, value};
use crate::error::Errors;

const LINGER: Range = Range { from: "1ms", to: "1m" };
const EXAMPLE: &str = "batch(max = 500)` or `batch(max = 500, linger = \"20ms\")";
const MAX: &str = "max = 500";

/// How many events come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) max: u32,
    pub(crate) linger_millis: Option<u64>,
    pub(crate) across_tenants: bool,
}

/// Reads what follows the key: `(max = 500, ..)`.
pub(crate) fn read(key: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Batch> {
    if !input.peek(token::Paren) {
        return Err(syn::Error::new(key.span(), format!("write `{EXAMPLE}`")));
    }
    let content;
    let parens = syn::parenthesized!(content in input);
    let (mut max, mut linger, mut across_tenants) = (None, None, None);
    let before = errors.len();
    options::read_list(&content, errors, |key, input, _| {
        if key == "max" {
            let literal = value::integer(key, MAX, input)?;
            let given = literal.base10_parse().unwrap_or(u32::MAX);
            if !(1..=10_000).contains(&given) {
                let message = "`max` is out of range: 1 to 10000 are allowed";
                return Err(syn::Error::new(literal.span(), message));
            }
            options::set(&mut max, key, given)
        } else if key == "linger" {
            let given = duration::read(key, "linger = \"20ms\"", LINGER, input)?;
            options::set(&mut linger, key, given.millis)
        } else if key == "across_tenants" {
            value::none(key, input)?;
            options::set(&mut across_tenants, key, ())
        } else {
            let known = ["max", "linger", "across_tenants"];
            Err(options::unknown(key, "`batch(..)`", &known))
        }
    });
    if max.is_none() && errors.len() == before {
        let message = format!("`batch(..)` needs the most events at once: write `{EXAMPLE}`");
        return Err(syn::Error::new(parens.span.join(), message));
    }
    Ok(Batch {
        max: max.unwrap_or(1),
        linger_millis: linger,
        across_tenants: across_tenants.is_some(),
    })
}
