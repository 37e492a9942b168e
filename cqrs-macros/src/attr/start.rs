//! The option `start` of an events handler: `"beginning"` or `"now"`.

use proc_macro2::Ident;
use syn::parse::ParseStream;

use crate::attr::value;

/// Where a handler starts when it is new in an application with a store.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Beginning,
    Now,
}

/// Reads `= "beginning"`.
pub(crate) fn read(key: &Ident, input: ParseStream<'_>) -> syn::Result<Start> {
    Ok(match value::one_of(&["beginning", "now"], key, "start = \"beginning\"", input)? {
        "now" => Start::Now,
        _ => Start::Beginning,
    })
}
