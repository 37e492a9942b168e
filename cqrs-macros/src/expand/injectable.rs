//! `#[derive(Injectable)]`, and the same implementation for handlers.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{DeriveInput, LitStr, Type};

use crate::attr::injectable::{ServiceOptions, Source};
use crate::error::Errors;
use crate::expand::{scope, with_fallback};
use crate::model::injection::{self, InjectedField, Injection, Service, Shape, argument_of, focus};
use crate::model::parameter_type::is_sized;

pub(crate) fn derive(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let mut errors = Errors::new();
    let service = if injection::also_a_handler(&input, &mut errors) {
        // The handler's annotation implements it.
        None
    } else {
        Service::read(&input, &mut errors)
    };
    if let Some(compile_errors) = errors.into_compile_errors() {
        let usable = service.filter(|_| input.generics.params.is_empty());
        let krate = usable.as_ref().and_then(|service| service.options.krate.as_ref());
        let fallback = usable.as_ref().map(|service| fallback(service.ident));
        return Ok(with_fallback(krate, &compile_errors, fallback));
    }
    Ok(service.map(|service| expand(&service)).unwrap_or_default())
}

fn expand(service: &Service<'_>) -> TokenStream {
    let Service { ident, injection, options } = service;
    let ServiceOptions { aliases, name, krate } = options;
    let implementation = implementation(ident, injection);
    let aliases = aliases.iter().map(|alias| offer_as(ident, alias, name.as_ref()));
    scope(
        krate.as_ref(),
        &quote! {
            #implementation

            const ALIASES: &[__cqrs::Offer] = &[#(#aliases),*];

            __cqrs::inventory::submit! {
                __cqrs::InjectableRegistration::of::<#ident>(__cqrs::source!(), ALIASES)
            }
        },
    )
}

/// The conversion of the service into the trait object.
fn offer_as(ident: &Ident, alias: &Type, name: Option<&LitStr>) -> TokenStream {
    // With the span of the trait, on which an error is reported if the service does not implement the trait, or
    // if the trait object cannot be shared.
    let service = quote_spanned!(focus(alias)=> services.inject::<::std::sync::Arc<#ident>>(::core::option::Option::None));
    let boxed = quote_spanned!(focus(alias)=> __cqrs::offer(service));
    let named = name.map(|name| quote!(.named(#name)));
    quote! {
        __cqrs::Offer::of::<#alias>(|services| {
            let service: ::std::sync::Arc<#alias> = #service;
            #boxed
        }) #named
    }
}

/// `impl Injectable` for a struct with these fields.
pub(crate) fn implementation(ident: &Ident, injection: &Injection<'_>) -> TokenStream {
    let dependencies = dependencies(injection);
    let needs_services =
        injection.fields.iter().any(|field| !matches!(field.source, Source::Default));
    let services = if needs_services { quote!(services) } else { quote!(_services) };
    let built = built(injection, &services);
    quote! {
        #[automatically_derived]
        impl __cqrs::Injectable for #ident {
            fn dependencies() -> ::std::vec::Vec<__cqrs::Dependency> {
                #dependencies
            }

            fn inject(#services: &__cqrs::Services) -> Self {
                #built
            }
        }
    }
}

/// `impl Injectable` without which the compiler would report a second error.
pub(crate) fn fallback(ident: &Ident) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl __cqrs::Injectable for #ident {
            fn dependencies() -> ::std::vec::Vec<__cqrs::Dependency> {
                ::core::unreachable!("the annotation was refused, so this is never compiled into a program")
            }

            fn inject(_services: &__cqrs::Services) -> Self {
                ::core::unreachable!("the annotation was refused, so this is never compiled into a program")
            }
        }
    }
}

fn dependencies(injection: &Injection<'_>) -> TokenStream {
    let mut list = Vec::new();
    let mut has_cfg = false;
    for field in &injection.fields {
        let InjectedField { name, ty, source, cfgs, .. } = field;
        let dependency = match demand(source, ty) {
            Demand::One(ty, None) => {
                quote_spanned!(focus(ty)=> __cqrs::Dependency::of::<#ty>(#name))
            }
            Demand::One(ty, Some(service)) => {
                quote_spanned!(focus(ty)=> __cqrs::Dependency::named::<#ty>(#name, #service))
            }
            Demand::Shared(ty, None) => {
                let shared = shared(ty);
                quote_spanned!(focus(ty)=> __cqrs::Dependency::of::<#shared>(#name))
            }
            Demand::Shared(ty, Some(service)) => {
                let shared = shared(ty);
                quote_spanned!(focus(ty)=> __cqrs::Dependency::named::<#shared>(#name, #service))
            }
            Demand::Reference(ty, service) => {
                let service = optional(service);
                quote_spanned!(focus(ty)=> __cqrs::Dependency::reference::<#ty>(#name, #service))
            }
            Demand::Optional(ty, service) => {
                let service = optional(service);
                quote_spanned!(focus(ty)=> __cqrs::Dependency::optional::<#ty>(#name, #service))
            }
            Demand::All(ty) => quote_spanned!(focus(ty)=> __cqrs::Dependency::all::<#ty>(#name)),
            Demand::Nothing => continue,
        };
        has_cfg |= !cfgs.is_empty();
        list.push(quote!(#(#cfgs)* #dependency));
    }
    if has_cfg {
        // `vec!` does not accept attributes on its elements, an array does.
        quote!(::std::vec::Vec::from([#(#list),*]))
    } else {
        quote!(::std::vec![#(#list),*])
    }
}

fn built(injection: &Injection<'_>, services: &TokenStream) -> TokenStream {
    let fields = injection.fields.iter().map(|field| {
        if let Shape::Function = injection.shape {
            return injected(field, services);
        }
        let InjectedField { ident, ty, source, cfgs, .. } = field;
        let value = match demand(source, ty) {
            Demand::One(ty, service) | Demand::Shared(ty, service) => {
                let service = optional(service);
                quote_spanned!(focus(ty)=> #services.inject(#service))
            }
            Demand::Reference(ty, service) => {
                let service = optional(service);
                quote_spanned!(focus(ty)=> #services.reference(#service))
            }
            Demand::Optional(ty, service) => {
                let service = optional(service);
                quote_spanned!(focus(ty)=> #services.optional(#service))
            }
            Demand::All(ty) => quote_spanned!(focus(ty)=> #services.all()),
            Demand::Nothing => quote_spanned!(focus(ty)=> ::core::default::Default::default()),
        };
        let key = ident.map(|ident| quote!(#ident:));
        quote!(#(#cfgs)* #key #value)
    });
    match injection.shape {
        Shape::Named | Shape::Function => quote!(Self { #(#fields),* }),
        Shape::Tuple => quote!(Self(#(#fields),*)),
        Shape::Unit => quote!(Self),
    }
}

/// A field of the generated struct of a function.
fn injected(parameter: &InjectedField<'_>, services: &TokenStream) -> TokenStream {
    let (ident, inject) = (parameter.ident, bound(parameter, &quote!(inject)));
    let name = match &parameter.source {
        Source::Named(name) | Source::Reference(Some(name)) => Some(name),
        _ => None,
    };
    let name = optional(name);
    quote! {
        #ident: {
            #inject
            inject(#services, #name)
        }
    }
}

/// Which service a field or parameter needs, and under which name.
enum Demand<'a> {
    /// The service of the type.
    One(&'a Type, Option<&'a LitStr>),
    /// The service of type `Arc<T>`.
    Shared(&'a Type, Option<&'a LitStr>),
    /// The service of type `Arc<T>` or `T`.
    Reference(&'a Type, Option<&'a LitStr>),
    /// The service of the type, if there is one.
    Optional(&'a Type, Option<&'a LitStr>),
    /// All services of the type.
    All(&'a Type),
    /// A default value.
    Nothing,
}

fn demand<'a>(source: &'a Source, ty: &'a Type) -> Demand<'a> {
    let name = match source {
        Source::Default => return Demand::Nothing,
        Source::Reference(name) if is_sized(ty) => return Demand::Reference(ty, name.as_ref()),
        Source::Reference(name) => return Demand::Shared(ty, name.as_ref()),
        Source::Named(name) => Some(name),
        Source::Type => None,
    };
    if let Some(ty) = argument_of("Option", ty) {
        return Demand::Optional(ty, name);
    }
    match argument_of("Vec", ty).filter(|_| name.is_none()) {
        Some(ty) => Demand::All(ty),
        None => Demand::One(ty, name),
    }
}

/// The type of the service that a parameter needs.
pub(crate) fn service(parameter: &InjectedField<'_>) -> TokenStream {
    match parameter.source {
        Source::Reference(_) => shared(parameter.ty),
        _ => parameter.ty.to_token_stream(),
    }
}

/// Reports a parameter that cannot be injected. The report is that of its injection, and the compiler shows it once.
pub(crate) fn check(parameter: &InjectedField<'_>) -> TokenStream {
    bound(parameter, &quote!(_))
}

/// The function that injects a parameter, bound to a variable.
fn bound(parameter: &InjectedField<'_>, variable: &TokenStream) -> TokenStream {
    let service = service(parameter);
    let (ty, inject) = match demand(&parameter.source, parameter.ty) {
        Demand::One(ty, _) | Demand::Shared(ty, _) => (ty, "one"),
        Demand::Reference(ty, _) => (ty, "reference"),
        Demand::Optional(ty, _) => (ty, "optional"),
        Demand::All(ty) => (ty, "all"),
        Demand::Nothing => unreachable!("a parameter is a service"),
    };
    // With the span of the type, on which a mistake is reported.
    let inject = Ident::new(inject, focus(ty));
    let inject = quote_spanned!(focus(ty)=> __cqrs::injected::#inject);
    quote! {
        let #variable: __cqrs::injected::Inject<#service> = #inject;
    }
}

/// The type of the field that keeps the service of a parameter `&T`.
pub(crate) fn shared(ty: &Type) -> TokenStream {
    quote_spanned!(focus(ty)=> ::std::sync::Arc<#ty>)
}

/// The name of a service in generated code.
pub(crate) fn optional(name: Option<&LitStr>) -> TokenStream {
    if let Some(name) = name {
        quote!(::core::option::Option::Some(#name))
    } else {
        quote!(::core::option::Option::None)
    }
}
