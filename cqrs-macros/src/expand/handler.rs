//! `#[events_handler(..)]`, `#[command_handler(..)]` and `#[query_handler(..)]`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, ItemFn, ItemStruct, Type};

use crate::attr::batch::Batch;
use crate::attr::breaker::Breaker;
use crate::attr::dead_letters::DeadLetters;
use crate::attr::handler::{HandlerOptions, Kind};
use crate::attr::order::Order;
use crate::attr::rate::{Period, Rate};
use crate::attr::retry::{Policy, Retry};
use crate::attr::start::Start;
use crate::attr::value::Limit;
use crate::error::Errors;
use crate::expand::{function, injectable, scope, with_fallback};
use crate::model::handler::{self, Handler};
use crate::model::injection::{focus, ungrouped};

/// Returns the annotated struct or function and what is generated for it.
pub(crate) fn annotate(kind: Kind, args: TokenStream, item: &TokenStream) -> TokenStream {
    if let Ok(parsed) = syn::parse2::<ItemStruct>(item.clone()) {
        return annotate_struct(kind, args, parsed);
    }
    if let Ok(parsed) = syn::parse2::<ItemFn>(item.clone()) {
        return function::annotate(kind, args, parsed);
    }
    let mut errors = Errors::new();
    handler::not_a_handler(kind, item, &mut errors);
    let compile_errors = errors.into_compile_errors();
    quote!(#compile_errors #item)
}

fn annotate_struct(kind: Kind, args: TokenStream, mut parsed: ItemStruct) -> TokenStream {
    let mut errors = Errors::new();
    handler::remove_conflicting(kind, &mut parsed.attrs, &mut errors);
    let handler = Handler::read(kind, args, &parsed, &mut errors);
    let generated = match errors.into_compile_errors() {
        None => expand(&handler, &parsed.attrs, None),
        Some(compile_errors) => {
            let usable = parsed.generics.params.is_empty();
            let fallback = usable.then(|| injectable::fallback(handler.ident));
            with_fallback(handler.args.krate.as_ref(), &compile_errors, fallback)
        }
    };
    handler::remove_inject(&mut parsed.fields);
    handler::allow_expected(&mut parsed.attrs);
    quote!(#parsed #generated)
}

/// Writes the registration. `of_function` is the implementation of the handler's trait, for a function.
pub(super) fn expand(
    handler: &Handler<'_>,
    attrs: &[Attribute],
    of_function: Option<&TokenStream>,
) -> TokenStream {
    let allowed = handler::allowed(attrs);
    let implementation = injectable::implementation(handler.ident, &handler.injection);
    let options = options(&handler.args.options);
    let (routes, registration) = match handler.kind {
        Kind::Events => events(handler),
        Kind::Command => (None, command(handler)),
        Kind::Query if handler.args.options.stream.is_some() => {
            (None, answering(handler, &quote!(stream_query), None))
        }
        Kind::Query => (None, answering(handler, &quote!(query), None)),
    };
    let scope = scope(
        handler.args.krate.as_ref(),
        &quote! {
            #implementation

            #of_function

            #routes

            const OPTIONS: __cqrs::HandlerOptions = #options;

            __cqrs::inventory::submit! { #registration }
        },
    );
    quote!(#(#allowed)* #scope)
}

fn events(handler: &Handler<'_>) -> (Option<TokenStream>, TokenStream) {
    let Handler { ident, name, args, .. } = handler;
    let (to, any) = match args.options.batch {
        None => (quote!(to), quote!(any)),
        Some(_) => (quote!(batches_to), quote!(batches_of_any)),
    };
    let transactional = args.options.transactional.is_some();
    let route = if transactional { quote!(TransactionalRoute) } else { quote!(EventRoute) };
    let any = args.any.map(|span| {
        let ident = spanned(ident, span);
        quote_spanned!(span=> __cqrs::#route::#any::<#ident>())
    });
    let listed = args.messages.iter().map(|event| {
        let ident = spanned(ident, focus(event));
        let to = if matches!(ungrouped(event), Type::TraitObject(_)) {
            quote!(alias)
        } else {
            to.clone()
        };
        quote_spanned! {focus(event)=>
            __cqrs::#route::#to::<#ident, #event>()
        }
    });
    let routes = any.into_iter().chain(listed);
    let routes = quote!([#(#routes),*]);
    let routes =
        if transactional { quote!(__cqrs::TransactionalRoute::all(&#routes)) } else { routes };
    let routes = quote! {
        const ROUTES: &[__cqrs::EventRoute] = &#routes;
    };
    let batch = match args.options.batch.map(batch_policy) {
        None => quote!(::core::option::Option::None),
        Some(policy) => quote!(::core::option::Option::Some(#policy)),
    };
    let emits = emits(handler);
    let registration = quote! {
        __cqrs::HandlerRegistration::events::<#ident>(
            #name,
            __cqrs::source!(),
            OPTIONS,
            #batch,
            ROUTES
        ) #emits
    };
    (Some(routes), registration)
}

/// The registration of a command's handler.
fn command(handler: &Handler<'_>) -> TokenStream {
    let HandlerOptions { transactional, retry, .. } = &handler.args.options;
    let retry = retry.as_ref().map(|(retry, _)| retry).filter(|retry| retry.is_on());
    let when = retry.map(|retry| match &retry.when {
        None => quote!(::core::option::Option::None),
        Some(when) => {
            let span = when.span();
            let when = quote_spanned!(span=> const { &(#when as fn(&_) -> bool) });
            quote!(::core::option::Option::Some(#when))
        }
    });
    let register = match (transactional, retry) {
        (None, None) => quote!(command),
        (None, Some(_)) => quote!(retried_command),
        (Some(()), None) => quote!(transactional_command),
        (Some(()), Some(_)) => quote!(retried_transactional_command),
    };
    answering(handler, &register, when.as_ref())
}

/// The registration of a command's or a query's handler. `when` is the function of a command that is retried.
fn answering(
    handler: &Handler<'_>,
    register: &TokenStream,
    when: Option<&TokenStream>,
) -> TokenStream {
    let of = match handler.kind {
        Kind::Query if handler.args.options.stream.is_some() => "StreamQuery",
        Kind::Query => "Query",
        _ => "Command",
    };
    let (when, emits) = (when.map(|when| quote!(, #when)), emits(handler));
    let Handler { ident, name, args, .. } = handler;
    let registrations = args.messages.iter().map(|message: &Type| {
        let ident = spanned(ident, focus(message));
        let registration = quote_spanned! {focus(message)=>
            __cqrs::HandlerRegistration::#register::<#ident, #message>
        };
        // Of a message of the wrong kind, the compiler reports this, and nothing else here.
        let of = Ident::new(of, focus(message));
        let check = quote_spanned!(focus(message)=> <#message as __cqrs::#of>::Error);
        quote!({
            let _: ::core::option::Option<fn() -> #check> = ::core::option::Option::None;
            #registration(#name, __cqrs::source!(), OPTIONS #when) #emits
        })
    });
    quote!(#(#registrations)*)
}

/// The names of the messages that the handler publishes and executes, if it lists them.
fn emits(handler: &Handler<'_>) -> Option<TokenStream> {
    let names = handler.args.options.emits.as_ref()?.iter().map(|message| {
        // Reports a type that is no message on its own token.
        let name = quote_spanned!(focus(message)=> (&&&&__cqrs::AnyKind::<#message>::NEW).message_name());
        quote! {
            || {
                #[allow(unused_imports)]
                use __cqrs::{CommandName as _, EventName as _, QueryName as _, StreamQueryName as _};
                #name
            }
        }
    });
    Some(quote!(.emits(&[#(#names),*])))
}

/// The handler's name with another span, on which a missing implementation is reported.
fn spanned(ident: &Ident, span: proc_macro2::Span) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(span.resolved_at(ident.span()));
    ident
}

fn options(options: &HandlerOptions) -> TokenStream {
    let mut tokens = quote!(__cqrs::HandlerOptions::DEFAULT);
    if let Some((Retry { policy, never, .. }, _)) = &options.retry {
        if let Some(policy) = policy {
            let policy = retry_policy(policy);
            tokens.extend(quote!(.retry(#policy)));
        }
        if !never.is_empty() {
            let never = never.iter().map(error_type);
            tokens.extend(quote!(.never_retry(const { &[#(#never),*] })));
        }
    }
    if let Some(timeout) = options.timeout {
        let timeout = match timeout {
            Limit::Off => quote!(::core::option::Option::None),
            Limit::At(millis) => {
                let timeout = duration(millis);
                quote!(::core::option::Option::Some(#timeout))
            }
        };
        tokens.extend(quote!(.timeout(#timeout)));
    }
    if let Some(age) = options.deliver_within_millis {
        let age = duration(age);
        tokens.extend(quote!(.deliver_within(#age)));
    }
    if let Some((dead_letters, _)) = options.dead_letters {
        let dead_letters = match dead_letters {
            DeadLetters::Keep => quote!(Keep),
            DeadLetters::Discard => quote!(Discard),
            DeadLetters::Block => quote!(Block),
        };
        tokens.extend(quote!(.dead_letters(__cqrs::DeadLetters::#dead_letters)));
    }
    if let Some(concurrency) = options.concurrency {
        let concurrency = number(concurrency);
        tokens.extend(quote!(.concurrency(#concurrency)));
    }
    if let Some(order) = options.order {
        let order = match order {
            Order::Key => quote!(Key),
            Order::Tenant => quote!(Tenant),
            Order::None => quote!(None),
        };
        tokens.extend(quote!(.order(__cqrs::Order::#order)));
    }
    if let Some(rate) = options.rate {
        tokens.extend(match rate {
            Limit::Off => quote!(.without_rate()),
            Limit::At(rate) => {
                let limit = rate_limit(rate);
                quote!(.rate(#limit))
            }
        });
    }
    if let Some(breaker) = options.breaker {
        tokens.extend(match breaker {
            Limit::Off => quote!(.without_breaker()),
            Limit::At(breaker) => {
                let policy = breaker_policy(breaker);
                quote!(.breaker(#policy))
            }
        });
    }
    if options.transient.is_some() {
        tokens.extend(quote!(.transient()));
    }
    if let Some(start) = options.start {
        let start = match start {
            Start::Beginning => quote!(Beginning),
            Start::Now => quote!(Now),
        };
        tokens.extend(quote!(.start(__cqrs::Start::#start)));
    }
    tokens
}

fn retry_policy(policy: &Policy) -> TokenStream {
    match policy {
        Policy::None => quote!(__cqrs::RetryPolicy::none()),
        Policy::Exponential { attempts, backoff_millis, max_millis, has_jitter } => {
            let attempts = with("attempts", attempts.map(number));
            let backoff = with("backoff", backoff_millis.map(duration));
            let max = with("max_backoff", max_millis.map(duration));
            let exactly = (!has_jitter).then(|| quote!(.without_jitter()));
            quote!(__cqrs::RetryPolicy::DEFAULT #attempts #backoff #max #exactly)
        }
        Policy::Waits(waits) => {
            let waits = waits.iter().copied().map(duration);
            quote!(__cqrs::RetryPolicy::waits(&[#(#waits),*]))
        }
    }
}

/// Makes the compiler report a type that is not an error on its own token.
fn error_type(ty: &Type) -> TokenStream {
    quote_spanned!(focus(ty)=> __cqrs::ErrorType::of::<#ty>())
}

fn breaker_policy(breaker: Breaker) -> TokenStream {
    let failures = with("failures", breaker.failures.map(number));
    let cooldown = with("cooldown", breaker.cooldown_millis.map(duration));
    let counting_all = breaker.counts_all.then(|| quote!(.counting_all()));
    quote!(__cqrs::BreakerPolicy::DEFAULT #failures #cooldown #counting_all)
}

/// A part of a policy, if it is given.
fn with(part: &str, value: Option<TokenStream>) -> Option<TokenStream> {
    let method = format_ident!("with_{part}");
    value.map(|value| quote!(.#method(#value)))
}

fn rate_limit(rate: Rate) -> TokenStream {
    let attempts = number(rate.attempts);
    let per = match rate.period {
        Period::Second => quote!(per_second),
        Period::Minute => quote!(per_minute),
        Period::Hour => quote!(per_hour),
    };
    quote!(__cqrs::RateLimit::#per(#attempts))
}

fn batch_policy(batch: Batch) -> TokenStream {
    let max = number(batch.max);
    let across_tenants = batch.across_tenants.then(|| quote!(.across_tenants()));
    quote!(__cqrs::BatchPolicy::new(#max) #across_tenants)
}

fn number(number: u32) -> TokenStream {
    Literal::u32_unsuffixed(number).into_token_stream()
}

fn duration(millis: u64) -> TokenStream {
    let millis = Literal::u64_unsuffixed(millis);
    quote!(::core::time::Duration::from_millis(#millis))
}
