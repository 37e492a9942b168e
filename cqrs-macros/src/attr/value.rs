//! The values of options, with errors that show how to write them.

use proc_macro2::{Ident, TokenTree};
use syn::parse::ParseStream;
use syn::{Lit, LitBool, LitInt, LitStr, Token, Type};

/// Reads `= "text"`.
pub(crate) fn string(key: &Ident, example: &str, input: ParseStream<'_>) -> syn::Result<LitStr> {
    equals(key, example, input)?;
    if input.peek(LitStr) {
        return input.parse();
    }
    Err(expected("a string", example, key, input))
}

/// Reads `= 8`.
pub(crate) fn integer(key: &Ident, example: &str, input: ParseStream<'_>) -> syn::Result<LitInt> {
    equals(key, example, input)?;
    if input.peek(LitInt) && input.fork().parse::<LitInt>()?.suffix().is_empty() {
        return input.parse();
    }
    Err(expected("a whole number", example, key, input))
}

/// Reads `= true` or `= false`.
pub(crate) fn boolean(key: &Ident, example: &str, input: ParseStream<'_>) -> syn::Result<bool> {
    equals(key, example, input)?;
    if input.peek(LitBool) {
        return Ok(input.parse::<LitBool>()?.value);
    }
    Err(expected("`true` or `false`", example, key, input))
}

/// Reads `= Type`.
pub(crate) fn ty(key: &Ident, example: &str, input: ParseStream<'_>) -> syn::Result<Type> {
    equals(key, example, input)?;
    if !input.peek(Lit)
        && let Ok(ty) = input.parse()
    {
        return Ok(ty);
    }
    let error = expected("a type", example, key, input);
    // The rest cannot be told from the type that could not be read.
    while !input.is_empty() {
        input.parse::<TokenTree>()?;
    }
    Err(error)
}

/// Reads the `=` between an option and its value.
pub(crate) fn equals(key: &Ident, example: &str, input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(());
    }
    Err(syn::Error::new(key.span(), format!("`{key}` needs a value, such as `{example}`")))
}

/// The error on the value that `input` stands at.
pub(crate) fn expected(
    what: &str,
    example: &str,
    key: &Ident,
    input: ParseStream<'_>,
) -> syn::Error {
    let span = if input.is_empty() || input.peek(Token![,]) { key.span() } else { input.span() };
    syn::Error::new(span, format!("`{key}` takes {what}, such as `{example}`"))
}

/// Refuses a value (`= ..` or `(..)`) after an option that has none.
pub(crate) fn none(key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(syn::Error::new(input.span(), format!("`{key}` takes no value: write `{key}` alone")))
}
