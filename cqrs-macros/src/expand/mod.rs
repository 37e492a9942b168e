//! Writes the generated code. It names only `::cqrs_core::macro_support`, `::core` and `::std`, so
//! that nothing the user has in scope can get in its way.

mod description;
pub(crate) mod event;
pub(crate) mod handler;
pub(crate) mod injectable;
pub(crate) mod message;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput};

/// The compile errors, followed by what keeps the compiler from reporting more than those.
fn with_fallback(compile_errors: TokenStream, fallback: Option<TokenStream>) -> TokenStream {
    match fallback {
        Some(fallback) => quote! {
            #compile_errors
            const _: () = { #fallback };
        },
        None => compile_errors,
    }
}

/// Keeps a message that is deprecated, or a part of it, from being reported in generated code.
fn lints(input: &DeriveInput) -> Option<TokenStream> {
    let deprecated =
        |attrs: &[Attribute]| attrs.iter().any(|attr| attr.path().is_ident("deprecated"));
    let inside = match &input.data {
        Data::Struct(data) => data.fields.iter().any(|field| deprecated(&field.attrs)),
        Data::Enum(data) => data.variants.iter().any(|variant| {
            deprecated(&variant.attrs)
                || variant.fields.iter().any(|field| deprecated(&field.attrs))
        }),
        Data::Union(_) => false,
    };
    (inside || deprecated(&input.attrs)).then(|| quote!(#[allow(deprecated)]))
}
