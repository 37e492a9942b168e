//! `#[provider]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ItemFn;

use crate::error::Errors;
use crate::expand::{function, injectable, scope};
use crate::model::function::remove_inject;
use crate::model::injection::focus;
use crate::model::provider::Provider;

/// Returns the annotated function and what is generated for it.
pub(crate) fn annotate(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let Ok(mut parsed) = syn::parse2::<ItemFn>(item.clone()) else {
        errors.on(
            Span::call_site(),
            "`#[provider]` goes on a function that returns a service; a struct that is built from its fields has \
             `#[derive(Injectable)]`",
        );
        let compile_errors = errors.into_compile_errors();
        return quote!(#compile_errors #item);
    };
    let provider = Provider::read(args, &parsed, &mut errors);
    let generated = errors.into_compile_errors().unwrap_or_else(|| expand(&provider, &parsed));
    remove_inject(&mut parsed);
    function::allow_unused_async(&mut parsed);
    quote!(#parsed #generated)
}

fn expand(provider: &Provider<'_>, item: &ItemFn) -> TokenStream {
    let Some(service) = provider.service else { return TokenStream::new() };
    let ident = &item.sig.ident;
    let declaration =
        function::declaration(&item.vis, ident, &provider.injection, provider.krate.as_ref());
    let implementation = injectable::implementation(ident, &provider.injection);
    let name = injectable::optional(provider.name.as_ref());
    let is_async = item.sig.asyncness.is_some();
    let arguments = provider.arguments.iter().map(function::argument);
    // With the span of the return type, so that a wrong type is reported there.
    let span = function::span_of_output(item).resolved_at(Span::call_site());
    let wait = is_async.then(|| quote!(.await));
    let made = quote_spanned!(span=> #ident(#(#arguments),*) #wait);
    let made = if provider.can_fail {
        quote_spanned!(span=> __cqrs::provided(#made))
    } else {
        quote!(::core::result::Result::Ok(#made))
    };
    let service = quote_spanned!(focus(service)=> type Service = #service;);
    let checks = provider.injection.fields.iter().map(injectable::check);
    let scope = scope(
        provider.krate.as_ref(),
        &quote! {
            #implementation

            #[automatically_derived]
            impl __cqrs::Provider for #ident {
                #service
                const IS_ASYNC: bool = #is_async;

                async fn provide(&self) -> ::core::result::Result<Self::Service, __cqrs::BoxError> {
                    #(#checks)*
                    #made
                }
            }

            __cqrs::inventory::submit! {
                __cqrs::InjectableRegistration::provider::<#ident>(__cqrs::source!(), #name)
            }
        },
    );
    quote!(#declaration #scope)
}
