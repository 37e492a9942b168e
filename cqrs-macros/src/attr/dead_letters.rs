//! The option `dead_letters` of an events handler: `"keep"`, `"discard"` or `"block"`.

use proc_macro2::Ident;
use syn::parse::ParseStream;

use crate::attr::value;

/// Whether a delivery that has failed for good is kept as a dead letter.
#[derive(Clone, Copy)]
pub(crate) enum DeadLetters {
    Keep,
    Discard,
    Block,
}

/// Reads `= "discard"`.
pub(crate) fn read(key: &Ident, input: ParseStream<'_>) -> syn::Result<DeadLetters> {
    let words = ["keep", "discard", "block"];
    Ok(match value::one_of(&words, key, "dead_letters = \"discard\"", input)? {
        "discard" => DeadLetters::Discard,
        "block" => DeadLetters::Block,
        _ => DeadLetters::Keep,
    })
}
