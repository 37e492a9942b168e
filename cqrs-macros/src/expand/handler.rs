//! `#[events_handler(..)]`, `#[command_handler(..)]` and `#[query_handler(..)]`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, ItemStruct, Type};

use crate::attr::batch::Batch;
use crate::attr::breaker::Breaker;
use crate::attr::handler::{HandlerOptions, Kind, Timeout};
use crate::attr::rate::{Period, Rate};
use crate::attr::retry::Retry;
use crate::error::Errors;
use crate::expand::{injectable, with_fallback};
use crate::model::handler::{self, Handler};
use crate::model::injection::focus;

/// Returns the annotated struct and what is generated for it.
pub(crate) fn annotate(kind: Kind, args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let Ok(mut parsed) = syn::parse2::<ItemStruct>(item.clone()) else {
        handler::not_a_struct(kind, item, &mut errors);
        let compile_errors = errors.into_compile_errors();
        return quote!(#compile_errors #item);
    };
    handler::remove_rivals(kind, &mut parsed.attrs, &mut errors);
    let handler = Handler::read(kind, args, &parsed, &mut errors);
    let generated = match errors.into_compile_errors() {
        None => expand(&handler, &parsed.attrs),
        Some(compile_errors) => {
            let usable = parsed.generics.params.is_empty();
            let fallback = usable.then(|| injectable::fallback(handler.ident));
            with_fallback(compile_errors, fallback)
        }
    };
    handler::remove_inject(&mut parsed.fields);
    quote!(#parsed #generated)
}

fn expand(handler: &Handler<'_>, attrs: &[Attribute]) -> TokenStream {
    // What the user allows for the struct holds for what is generated for it: naming an event that
    // is deprecated, for one.
    let allowed = attrs.iter().filter(|attr| attr.path().is_ident("allow"));
    let implementation = injectable::implementation(handler.ident, &handler.injection);
    let options = options(&handler.args.options);
    let (routes, registration) = match handler.kind {
        Kind::Events => events(handler),
        Kind::Command => (None, answering(handler, &quote!(command))),
        Kind::Query => (None, answering(handler, &quote!(query))),
    };
    quote! {
        #(#allowed)*
        const _: () = {
            #implementation

            #routes

            const OPTIONS: ::cqrs_core::macro_support::HandlerOptions = #options;

            ::cqrs_core::macro_support::inventory::submit! { #registration }
        };
    }
}

fn events(handler: &Handler<'_>) -> (Option<TokenStream>, TokenStream) {
    let Handler { ident, name, args, .. } = handler;
    let (to, any, register) = match args.options.batch {
        None => (quote!(to), quote!(any), quote!(events)),
        Some(_) => (quote!(batches_to), quote!(batches_of_any), quote!(batches)),
    };
    let any = args.any.map(|span| {
        let ident = spanned(ident, span);
        quote_spanned!(span=> ::cqrs_core::macro_support::EventRoute::#any::<#ident>())
    });
    let listed = args.messages.iter().map(|event| {
        let ident = spanned(ident, focus(event));
        quote_spanned! {focus(event)=>
            ::cqrs_core::macro_support::EventRoute::#to::<#ident, #event>()
        }
    });
    let routes = any.into_iter().chain(listed);
    let routes = quote! {
        const ROUTES: &[::cqrs_core::macro_support::EventRoute] = &[#(#routes),*];
    };
    let batch = args.options.batch.map(|batch| {
        let policy = batch_policy(batch);
        quote!(#policy,)
    });
    let registration = quote! {
        ::cqrs_core::macro_support::HandlerRegistration::#register::<#ident>(
            #name,
            ::cqrs_core::macro_support::source!(),
            OPTIONS,
            #batch
            ROUTES
        )
    };
    (Some(routes), registration)
}

/// The registration of a command's or a query's handler.
fn answering(handler: &Handler<'_>, register: &TokenStream) -> TokenStream {
    let Handler { ident, name, args, .. } = handler;
    let registrations = args.messages.iter().map(|message: &Type| {
        let ident = spanned(ident, focus(message));
        let registration = quote_spanned! {focus(message)=>
            ::cqrs_core::macro_support::HandlerRegistration::#register::<#ident, #message>
        };
        quote!(#registration(#name, ::cqrs_core::macro_support::source!(), OPTIONS))
    });
    quote!(#(#registrations)*)
}

/// The handler's name on another token, so that what it lacks is reported there.
fn spanned(ident: &Ident, span: proc_macro2::Span) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(span.resolved_at(ident.span()));
    ident
}

fn options(options: &HandlerOptions) -> TokenStream {
    let mut tokens = quote!(::cqrs_core::macro_support::HandlerOptions::DEFAULT);
    if let Some(retry) = options.retry {
        let retry = retry_policy(retry);
        tokens.extend(quote!(.retry(#retry)));
    }
    if let Some(timeout) = options.timeout {
        let timeout = match timeout {
            Timeout::None => quote!(::core::option::Option::None),
            Timeout::Millis(millis) => {
                let timeout = duration(millis);
                quote!(::core::option::Option::Some(#timeout))
            }
        };
        tokens.extend(quote!(.timeout(#timeout)));
    }
    if let Some(concurrency) = options.concurrency {
        let concurrency = Literal::u32_unsuffixed(concurrency);
        tokens.extend(quote!(.concurrency(#concurrency)));
    }
    if let Some(rate) = options.rate {
        let limit = rate_limit(rate);
        tokens.extend(quote!(.rate(#limit)));
    }
    if let Some(Breaker { failures, cooldown_millis }) = options.breaker {
        let failures = Literal::u32_unsuffixed(failures);
        let cooldown = duration(cooldown_millis);
        tokens.extend(quote! {
            .breaker(::cqrs_core::macro_support::BreakerPolicy::new(#failures, #cooldown))
        });
    }
    tokens
}

fn retry_policy(retry: Retry) -> TokenStream {
    match retry {
        Retry::None => quote!(::cqrs_core::macro_support::RetryPolicy::none()),
        Retry::Exponential { attempts, backoff_millis, max_millis } => {
            let attempts = Literal::u32_unsuffixed(attempts);
            let (backoff, max) = (duration(backoff_millis), duration(max_millis));
            quote! {
                ::cqrs_core::macro_support::RetryPolicy::exponential(#attempts, #backoff, #max)
            }
        }
    }
}

fn rate_limit(rate: Rate) -> TokenStream {
    let attempts = Literal::u32_unsuffixed(rate.attempts);
    let per = match rate.period {
        Period::Second => quote!(per_second),
        Period::Minute => quote!(per_minute),
        Period::Hour => quote!(per_hour),
    };
    quote!(::cqrs_core::macro_support::RateLimit::#per(#attempts))
}

fn batch_policy(batch: Batch) -> TokenStream {
    let max = Literal::u32_unsuffixed(batch.max);
    let linger = batch.linger_millis.map(duration).map(|linger| quote!(.linger(#linger)));
    let across_tenants = batch.across_tenants.then(|| quote!(.across_tenants()));
    quote!(::cqrs_core::macro_support::BatchPolicy::new(#max) #linger #across_tenants)
}

fn duration(millis: u64) -> TokenStream {
    let millis = Literal::u64_unsuffixed(millis);
    quote!(::core::time::Duration::from_millis(#millis))
}
