//! The mistakes in one annotation, all of which are reported together.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far, each on the tokens it is about.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Reports `message` on the token or the attribute with this span.
    pub(crate) fn on(&mut self, span: Span, message: impl Display) {
        self.0.push(syn::Error::new(span, message));
    }

    /// Reports `message` on all of `tokens`.
    pub(crate) fn on_tokens(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.0.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// The value, or nothing if there is an error, which is kept.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One `compile_error!` for each mistake, or `None` if there is none.
    pub(crate) fn into_compile_errors(self) -> Option<TokenStream> {
        if self.0.is_empty() {
            return None;
        }
        Some(self.0.iter().map(syn::Error::to_compile_error).collect())
    }
}
