//! Writes the generated code. It names only `::cqrs_core::macro_support` (as `__cqrs`), `::core` and `::std`, so
//! that no name in the user's scope changes its meaning.

mod description;
pub(crate) mod event;
mod function;
pub(crate) mod handler;
pub(crate) mod injectable;
pub(crate) mod message;
pub(crate) mod provider;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Path};

/// Items in a scope of their own, where `__cqrs` is the part of the core that they name.
fn scope(krate: Option<&Path>, items: &TokenStream) -> TokenStream {
    let core = core_path(krate);
    quote! {
        const _: () = {
            use #core::macro_support as __cqrs;
            #items
        };
    }
}

/// The path of the core.
fn core_path(krate: Option<&Path>) -> TokenStream {
    krate.map_or_else(|| quote!(::cqrs_core), ToTokens::into_token_stream)
}

/// The compile errors, and the items without which the compiler would report more than those.
fn with_fallback(
    krate: Option<&Path>,
    compile_errors: &TokenStream,
    fallback: Option<TokenStream>,
) -> TokenStream {
    let fallback = fallback.map(|items| scope(krate, &items));
    quote!(#compile_errors #fallback)
}

/// Allows generated code to name a deprecated message, or a deprecated part of it.
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
