//! The values of options, with errors that show how to write them.

use std::ops::RangeInclusive;

use proc_macro2::{Ident, TokenTree};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Lit, LitBool, LitInt, LitStr, Token, Type};

use crate::suggest;

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

/// Reads `= 8`, a number in `range`.
pub(crate) fn integer_in(
    range: RangeInclusive<u32>,
    key: &Ident,
    example: &str,
    input: ParseStream<'_>,
) -> syn::Result<u32> {
    in_range(range, key, &integer(key, example, input)?)
}

/// The number, if it is in `range`.
pub(crate) fn in_range(
    range: RangeInclusive<u32>,
    key: &Ident,
    literal: &LitInt,
) -> syn::Result<u32> {
    literal.base10_parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        let (least, most) = range.into_inner();
        let message = format!("`{key}` is out of range: {least} to {most} are allowed");
        syn::Error::new(literal.span(), message)
    })
}

/// Reads `= "word"`, one of `words`.
pub(crate) fn one_of(
    words: &[&'static str],
    key: &Ident,
    example: &str,
    input: ParseStream<'_>,
) -> syn::Result<&'static str> {
    let literal = string(key, example, input)?;
    let written = literal.value();
    words.iter().find(|word| **word == written).copied().ok_or_else(|| {
        let hint = suggest::closest(&written, words)
            .map(|word| format!(", did you mean \"{word}\"?"))
            .unwrap_or_default();
        let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let known = suggest::list(&quoted);
        let message = format!("unknown value \"{written}\"{hint} (`{key}` takes {known})");
        syn::Error::new(literal.span(), message)
    })
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
    // It is unknown where the wrong type ends, so the rest is skipped.
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

/// The error on the next token of `input`.
pub(crate) fn expected(
    what: &str,
    example: &str,
    key: &Ident,
    input: ParseStream<'_>,
) -> syn::Error {
    let span = if input.is_empty() || input.peek(Token![,]) { key.span() } else { input.span() };
    syn::Error::new(span, format!("`{key}` takes {what}, such as `{example}`"))
}

/// The value of an option that can be switched off.
#[derive(Clone, Copy)]
pub(crate) enum Limit<T> {
    /// `none`.
    Off,
    At(T),
}

/// Reads `none`, if it is next. Returns whether it is.
pub(crate) fn is_off(input: ParseStream<'_>) -> syn::Result<bool> {
    let is_off = input.peek(Ident::peek_any) && input.fork().call(Ident::parse_any)? == "none";
    if is_off {
        input.call(Ident::parse_any)?;
    }
    Ok(is_off)
}

/// Refuses a value (`= ..` or `(..)`) after an option that takes none.
pub(crate) fn none(key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(syn::Error::new(input.span(), format!("`{key}` takes no value: write `{key}` alone")))
}
