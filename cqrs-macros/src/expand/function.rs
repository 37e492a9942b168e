//! A handler that is written as a function: generates a struct with the services, whose handler trait calls the function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{ItemFn, ReturnType, Type, Visibility};

use crate::attr::handler::Kind;
use crate::attr::injectable::Source;
use crate::error::Errors;
use crate::expand::injectable;
use crate::model::function::{self, Argument, Parameters};
use crate::model::handler::{self, Handler};
use crate::model::injection::{Injection, focus, ungrouped};

/// Returns the annotated function and what is generated for it.
pub(super) fn annotate(kind: Kind, args: TokenStream, mut item: ItemFn) -> TokenStream {
    let mut errors = Errors::new();
    handler::remove_conflicting(kind, &mut item.attrs, &mut errors);
    let (handler, parameters) = Handler::read_function(kind, args, &item, &mut errors);
    let generated = errors.into_compile_errors().unwrap_or_else(|| {
        let allowed = handler::allowed(&item.attrs);
        let declaration = declaration(&item.vis, handler.ident, &handler.injection);
        let call = implementation(&handler, &parameters, &item);
        let registration = super::handler::expand(&handler, &item.attrs, Some(&call));
        quote!(#(#allowed)* #declaration #registration)
    });
    function::remove_inject(&mut item);
    // The annotation demands an `async fn`.
    quote!(#[allow(clippy::unused_async)] #item #generated)
}

/// The struct, with the function's name, so that tests name the handler by it. Types and functions have separate names.
pub(super) fn declaration(
    visibility: &Visibility,
    ident: &Ident,
    injection: &Injection<'_>,
) -> TokenStream {
    let fields = injection.fields.iter().map(|field| {
        let (name, ty) = (field.ident, field.ty);
        if let Source::Reference(_) = field.source {
            let shared = injectable::shared(ty);
            quote!(#name: #shared)
        } else {
            quote!(#name: #ty)
        }
    });
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations)]
        #visibility struct #ident {
            #(#fields),*
        }
    }
}

/// The implementation of the handler's trait.
fn implementation(
    handler: &Handler<'_>,
    parameters: &Parameters<'_>,
    item: &ItemFn,
) -> TokenStream {
    let Handler { kind, ident, args, .. } = handler;
    let any: Type = syn::parse_quote!(__cqrs::AnyEvent);
    let message = args.messages.first().unwrap_or(&any);
    let is_batch = args.options.batch.is_some();
    let transaction = parameters.transaction;
    let streams = args.options.stream.is_some();
    let call = call(parameters, item);

    let (method, first, output, result) = match kind {
        Kind::Events => {
            let (method, event) = match ungrouped(message) {
                message if is_batch => (quote!(handle_batch), quote!(&__cqrs::Batch<#message>)),
                // Behind a reference, the trait object would get the lifetime of the reference.
                Type::TraitObject(object) => (quote!(handle), quote!(&(#object + 'static))),
                message => (quote!(handle), quote!(&#message)),
            };
            // Accepts any error that `?` turns into a `HandlerError`.
            let result = quote_spanned!(span_of_output(item)=> __cqrs::handled(#call));
            (method, event, quote!(__cqrs::HandlerResult), result)
        }
        Kind::Query if streams => {
            let of = quote!(<#message as __cqrs::StreamQuery>);
            let output = quote!(::core::result::Result<(), #of::Error>);
            (quote!(stream), message.to_token_stream(), output, call)
        }
        Kind::Command | Kind::Query => {
            let of =
                if *kind == Kind::Query { quote!(__cqrs::Query) } else { quote!(__cqrs::Command) };
            let output = quote! {
                ::core::result::Result<<#message as #of>::Output, <#message as #of>::Error>
            };
            (quote!(execute), message.to_token_stream(), output, call)
        }
    };
    let implemented = match (kind, is_batch, transaction.is_some()) {
        (Kind::Events, false, false) => quote!(EventHandler),
        (Kind::Events, true, false) => quote!(BatchEventHandler),
        (Kind::Events, false, true) => quote!(TransactionalEventHandler),
        (Kind::Events, true, true) => quote!(TransactionalBatchEventHandler),
        (Kind::Command, _, false) => quote!(CommandHandler),
        (Kind::Command, _, true) => quote!(TransactionalCommandHandler),
        (Kind::Query, _, _) if streams => quote!(StreamQueryHandler),
        (Kind::Query, _, _) => quote!(QueryHandler),
    };
    let associated = transaction.map(|ty| quote!(type Transaction = #ty;));
    let tx = transaction.map(|ty| quote!(tx: &mut #ty,));
    let rows =
        streams.then(|| quote!(rows: &mut __cqrs::Rows<<#message as __cqrs::StreamQuery>::Row>,));
    let takes_context = parameters.arguments.iter().any(|it| matches!(it, Argument::Context));
    let ctx = if takes_context { quote!(ctx) } else { quote!(_ctx) };
    quote! {
        #[automatically_derived]
        impl __cqrs::#implemented<#message> for #ident {
            #associated

            async fn #method(&self, message: #first, #tx #rows #ctx: &__cqrs::Context) -> #output {
                #result
            }
        }
    }
}

/// The call of the function, with the span of its return type, so that a wrong type is reported there.
fn call(parameters: &Parameters<'_>, item: &ItemFn) -> TokenStream {
    let arguments = parameters.arguments.iter().map(argument);
    let span = span_of_output(item).resolved_at(Span::call_site());
    let ident = &item.sig.ident;
    quote_spanned!(span=> #ident(#(#arguments),*).await)
}

/// Where a wrong result of the function is reported.
pub(super) fn span_of_output(item: &ItemFn) -> Span {
    match &item.sig.output {
        ReturnType::Type(_, ty) => focus(ty),
        ReturnType::Default => item.sig.ident.span(),
    }
}

/// An argument of the call. Services are fields of `self`.
pub(super) fn argument(argument: &Argument<'_>) -> TokenStream {
    match argument {
        Argument::Message => quote!(message),
        Argument::Context => quote!(ctx),
        Argument::Transaction => quote!(tx),
        Argument::Rows => quote!(rows),
        Argument::Reference(name) => quote!(&*self.#name),
        Argument::Clone(name) => quote!(::core::clone::Clone::clone(&self.#name)),
    }
}
