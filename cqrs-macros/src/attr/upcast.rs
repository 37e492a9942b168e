//! The option `upcast` of an event: a function for each older version of its payload.

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::{ExprPath, LitInt, Token, token};

use crate::attr::{options, value};
use crate::error::Errors;

const EXAMPLE: &str = "upcast(1 = path::to::function)";

/// The functions in the order in which they are written.
pub(crate) struct Upcast {
    /// The option's name.
    pub(crate) span: Span,
    pub(crate) steps: Vec<Step>,
}

/// A function that turns the payload of a version into that of the next one.
pub(crate) struct Step {
    pub(crate) from: u32,
    pub(crate) span: Span,
    pub(crate) function: ExprPath,
}

/// Reads `(1 = path::to::function, ..)`.
pub(crate) fn read(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Upcast> {
    if !input.peek(token::Paren) {
        return Err(expected(key, input));
    }
    let content;
    let parens = syn::parenthesized!(content in input);
    if content.is_empty() {
        let message = format!("`upcast(..)` is empty: write `{EXAMPLE}`");
        return Err(syn::Error::new(parens.span.join(), message));
    }
    let mut steps: Vec<Step> = Vec::new();
    options::separated(&content, errors, |input, _| {
        let step = step(key, input)?;
        if steps.iter().any(|other| other.from == step.from) {
            let message = format!("`{}` is given twice: keep one", step.from);
            return Err(syn::Error::new(step.span, message));
        }
        steps.push(step);
        Ok(())
    });
    Ok(Upcast { span: key.span(), steps })
}

fn step(key: &Ident, input: ParseStream<'_>) -> syn::Result<Step> {
    if !input.peek(LitInt) || !input.peek2(Token![=]) {
        return Err(expected(key, input));
    }
    let literal: LitInt = input.parse()?;
    input.parse::<Token![=]>()?;
    let from = value::in_range(1..=u32::MAX - 1, key, &literal)?;
    let function = input.parse().map_err(|_| expected(key, input))?;
    Ok(Step { from, span: literal.span(), function })
}

fn expected(key: &Ident, input: ParseStream<'_>) -> syn::Error {
    value::expected("a function for each older version", EXAMPLE, key, input)
}
