//! A handler that is written as a function: generates a struct with the services, whose handler trait calls the function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{ItemFn, Path, ReturnType, Type, Visibility};

use crate::attr::handler::Kind;
use crate::error::Errors;
use crate::expand::{core_path, injectable};
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
        let declaration =
            declaration(&item.vis, handler.ident, &handler.injection, handler.args.krate.as_ref());
        let call = implementation(&handler, &parameters, &item);
        let registration = super::handler::expand(&handler, &item.attrs, Some(&call));
        quote!(#(#allowed)* #declaration #registration)
    });
    function::remove_inject(&mut item);
    allow_unused_async(&mut item);
    quote!(#item #generated)
}

/// Allows an `async fn` without an `.await`, since the annotation demands the `async`. Last, so that it blocks although a group of
/// lints is set on the function.
pub(super) fn allow_unused_async(item: &mut ItemFn) {
    item.attrs.push(syn::parse_quote!(#[allow(clippy::unused_async)]));
}

/// The struct, with the function's name, so that tests name the handler by it. Types and functions have separate names.
pub(super) fn declaration(
    visibility: &Visibility,
    ident: &Ident,
    injection: &Injection<'_>,
    krate: Option<&Path>,
) -> TokenStream {
    let core = core_path(krate);
    let fields = injection.fields.iter().map(|field| {
        let (name, service) = (field.ident, injectable::service(field));
        quote!(#name: #core::macro_support::injected::Injected<#service>)
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
            let error = of_stream(message, "Error");
            let output = quote_spanned!(focus(message)=> ::core::result::Result<(), #error>);
            (quote!(stream), message.to_token_stream(), output, call)
        }
        Kind::Command | Kind::Query => {
            // With the span of the message, on which one of the wrong kind is reported.
            let span = focus(message);
            let of = Ident::new(if *kind == Kind::Query { "Query" } else { "Command" }, span);
            let of = quote_spanned!(span=> __cqrs::#of);
            let output = quote_spanned! {span=>
                ::core::result::Result<<#message as #of>::Output, <#message as #of>::Error>
            };
            (quote!(execute), message.to_token_stream(), output, call)
        }
    };
    let implemented = match (kind, is_batch, transaction.is_some()) {
        (Kind::Events, false, false) => "EventHandler",
        (Kind::Events, true, false) => "BatchEventHandler",
        (Kind::Events, false, true) => "TransactionalEventHandler",
        (Kind::Events, true, true) => "TransactionalBatchEventHandler",
        (Kind::Command, _, false) => "CommandHandler",
        (Kind::Command, _, true) => "TransactionalCommandHandler",
        (Kind::Query, _, _) if streams => "StreamQueryHandler",
        (Kind::Query, _, _) => "QueryHandler",
    };
    let implemented = Ident::new(implemented, focus(message));
    let implemented = quote_spanned!(focus(message)=> __cqrs::#implemented<#message>);
    let associated = transaction.map(|ty| quote!(type Transaction = #ty;));
    let tx = transaction.map(|ty| quote!(tx: &mut #ty,));
    let rows = streams.then(|| {
        let row = of_stream(message, "Row");
        let rows = quote_spanned!(focus(message)=> &mut __cqrs::Rows<#row>);
        quote!(rows: #rows,)
    });
    // After an error here, the compiler does not also say that the method's future cannot be sent to another thread.
    let checks = handler.injection.fields.iter().map(injectable::check);
    let takes_context = parameters.arguments.iter().any(|it| matches!(it, Argument::Context));
    let ctx = if takes_context { quote!(ctx) } else { quote!(_ctx) };
    quote! {
        #[automatically_derived]
        impl #implemented for #ident {
            #associated

            async fn #method(&self, message: #first, #tx #rows #ctx: &__cqrs::Context) -> #output {
                #(#checks)*
                #result
            }
        }
    }
}

/// A type of a query that is answered with a stream, with the span of the query, on which one of the wrong kind is reported.
fn of_stream(query: &Type, name: &str) -> TokenStream {
    let name = Ident::new(name, focus(query));
    quote_spanned!(focus(query)=> <#query as __cqrs::StreamQuery>::#name)
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
        Argument::Reference(name) => quote!(&**self.#name.get()),
        Argument::Clone(name) => quote!(::core::clone::Clone::clone(self.#name.get())),
    }
}
