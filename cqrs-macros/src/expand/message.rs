//! `#[derive(Command)]` and `#[derive(Query)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput};

use crate::error::Errors;
use crate::expand::{lints, scope, with_fallback};
use crate::model::message::{Kind, Message};

pub(crate) fn derive(kind: Kind, input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let mut errors = Errors::new();
    let message = Message::read(kind, &input, &mut errors);
    let implementation = implementation(kind, &message);
    if let Some(compile_errors) = errors.into_compile_errors() {
        // A generic message cannot be implemented without knowing its bounds.
        let usable = input.generics.params.is_empty() && !matches!(input.data, Data::Union(_));
        return Ok(with_fallback(
            message.krate.as_ref(),
            &compile_errors,
            usable.then_some(implementation),
        ));
    }
    let ident = message.ident;
    let lints = lints(&input);
    let register = match kind {
        Kind::Command => quote!(command),
        Kind::Query if message.is_stream => quote!(stream_query),
        Kind::Query => quote!(query),
    };
    // With the option's span, on which it is reported if the command cannot be read.
    let from_json = message.json.map(|span| {
        let execute = quote_spanned!(span=> __cqrs::JsonCommand::of::<#ident>());
        quote!(.from_json(const { &#execute }))
    });
    let scope = scope(
        message.krate.as_ref(),
        &quote! {
            #implementation

            __cqrs::inventory::submit! {
                __cqrs::MessageRegistration::#register::<#ident>(__cqrs::source!())
                    .validated_by(__cqrs::validator!(#ident)) #from_json
            }
        },
    );
    Ok(quote!(#lints #scope))
}

fn implementation(kind: Kind, message: &Message<'_>) -> TokenStream {
    let Message { ident, name, output, is_stream, error, requires, idempotent, .. } = message;
    // With the spans of the user's types, on which an error is reported if a type is private.
    let name_of_output = if *is_stream { quote!(Row) } else { quote!(Output) };
    let output = quote_spanned!(output.span()=> type #name_of_output = #output;);
    let error = quote_spanned!(error.span()=> type Error = #error;);
    let requires = requires.as_ref().map(|permissions| {
        quote! {
            const REQUIRES: ::core::option::Option<&'static [&'static str]> =
                ::core::option::Option::Some(&[#(#permissions),*]);
        }
    });
    // With the option's span, on which it is reported if the command or its output has no JSON form.
    let idempotent = idempotent.map(|span| {
        let how = quote_spanned!(span=> __cqrs::Idempotent::<Self>::new());
        quote! {
            const IDEMPOTENT: ::core::option::Option<__cqrs::Idempotent<Self>> =
                ::core::option::Option::Some(#how);
        }
    });
    let kind = match kind {
        Kind::Command => quote!(__cqrs::Command),
        Kind::Query if *is_stream => quote!(__cqrs::StreamQuery),
        Kind::Query => quote!(__cqrs::Query),
    };
    quote! {
        #[automatically_derived]
        impl #kind for #ident {
            const NAME: &'static str = #name;
            #requires
            #idempotent
            #output
            #error
        }
    }
}
