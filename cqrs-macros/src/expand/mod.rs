//! Writes the generated code. It names only `::cqrs_core::macro_support`, `::core` and `::std`, so
//! that nothing the user has in scope can get in its way.

pub(crate) mod event;
pub(crate) mod handler;
pub(crate) mod injectable;
pub(crate) mod message;

use proc_macro2::TokenStream;
use quote::quote;

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
