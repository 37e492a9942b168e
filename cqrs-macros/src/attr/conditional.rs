//! Attributes inside `cfg_attr`. An attribute macro sees them before the compiler decides whether they are there.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token, parse_quote};

/// An attribute, and the condition under which it is there.
pub(crate) struct Conditional {
    pub(crate) when: Option<TokenStream>,
    pub(crate) meta: Meta,
}

impl Conditional {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.meta.path().is_ident(name)
    }

    /// The attribute, with its condition.
    pub(crate) fn attribute(&self) -> Attribute {
        let meta = &self.meta;
        match &self.when {
            None => parse_quote!(#[#meta]),
            Some(when) => parse_quote!(#[cfg_attr(#when, #meta)]),
        }
    }
}

/// The attributes, with those inside each `cfg_attr` in its place.
pub(crate) fn flattened(attrs: &[Attribute]) -> Vec<Conditional> {
    let mut flat = Vec::new();
    for attr in attrs {
        flatten(None, attr.meta.clone(), &mut flat);
    }
    flat
}

fn flatten(when: Option<TokenStream>, meta: Meta, flat: &mut Vec<Conditional>) {
    let parts = match &meta {
        Meta::List(list) if list.path.is_ident("cfg_attr") => list.parse_args_with(parts).ok(),
        _ => None,
    };
    // The compiler reports a `cfg_attr` that is written wrongly.
    let Some((condition, metas)) = parts else { return flat.push(Conditional { when, meta }) };
    let when = match when {
        None => condition,
        Some(outer) => quote!(all(#outer, #condition)),
    };
    for meta in metas {
        flatten(Some(when.clone()), meta, flat);
    }
}

/// Reads `condition, attribute, ..`.
fn parts(input: ParseStream<'_>) -> syn::Result<(TokenStream, Punctuated<Meta, Token![,]>)> {
    let mut condition = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        condition.extend([input.parse::<TokenTree>()?]);
    }
    input.parse::<Token![,]>()?;
    Ok((condition, Punctuated::parse_terminated(input)?))
}
