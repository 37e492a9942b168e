//! The option `batch` of an events handler.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::token;

use crate::attr::{options, value};
use crate::error::Errors;

const EXAMPLE: &str = "batch(max = 500)";

/// How many events come at once.
#[derive(Clone, Copy)]
pub(crate) struct Batch {
    pub(crate) max: u32,
    pub(crate) across_tenants: bool,
}

/// Reads what follows the key: `(max = 500, ..)`.
pub(crate) fn read(key: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Batch> {
    if !input.peek(token::Paren) {
        return Err(syn::Error::new(key.span(), format!("write `{EXAMPLE}`")));
    }
    let content;
    let parens = syn::parenthesized!(content in input);
    let (mut max, mut across_tenants) = (None, None);
    let before = errors.len();
    options::read_list(&content, errors, |key, input, _| {
        if key == "max" {
            let given = value::integer_in(1..=10_000, key, "max = 500", input)?;
            options::set(&mut max, key, given)
        } else if key == "across_tenants" {
            value::none(key, input)?;
            options::set(&mut across_tenants, key, ())
        } else {
            Err(options::unknown(key, "`batch(..)`", &["max", "across_tenants"]))
        }
    });
    if max.is_none() && errors.len() == before {
        let message = format!("`batch(..)` needs the most events at once: write `{EXAMPLE}`");
        return Err(syn::Error::new(parens.span.join(), message));
    }
    Ok(Batch { max: max.unwrap_or(1), across_tenants: across_tenants.is_some() })
}
