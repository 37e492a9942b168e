//! The option `emits` of a handler of events or of a command: what it publishes and executes.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{Type, token};

use crate::attr::options;
use crate::error::Errors;

const EXAMPLE: &str = "emits(InvoiceIssued, CloseOrder)";

/// Reads `(InvoiceIssued, CloseOrder)`. `()` says that the handler emits nothing.
pub(crate) fn read(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Vec<Type>> {
    if !input.peek(token::Paren) {
        let message = format!("`emits` lists messages: write `{EXAMPLE}`");
        return Err(syn::Error::new(key.span(), message));
    }
    let content;
    syn::parenthesized!(content in input);
    let mut emits = Vec::new();
    options::separated(&content, errors, |input, errors| {
        let start = input.span();
        let ty: Type = input.parse().map_err(|_| {
            syn::Error::new(start, format!("`emits` takes the types of messages: `{EXAMPLE}`"))
        })?;
        if emits.contains(&ty) {
            errors.on_tokens(&ty, "this message is named twice: keep one");
        }
        emits.push(ty);
        Ok(())
    });
    Ok(emits)
}
