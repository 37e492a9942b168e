//! `#[derive(Injectable)]`, and the same implementation for handlers.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{DeriveInput, LitStr, Type};

use crate::attr::injectable::Source;
use crate::error::Errors;
use crate::expand::{scope, with_fallback};
use crate::model::function::is_sized;
use crate::model::injection::{self, InjectedField, Injection, Service, Shape, focus};

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
        let fallback = usable.map(|service| fallback(service.ident));
        return Ok(with_fallback(&compile_errors, fallback));
    }
    Ok(service.map(|service| expand(&service)).unwrap_or_default())
}

fn expand(service: &Service<'_>) -> TokenStream {
    let Service { ident, injection, aliases } = service;
    let implementation = implementation(ident, injection);
    let aliases = aliases.iter().map(|alias| offer_as(ident, alias));
    scope(&quote! {
        #implementation

        const ALIASES: &[__cqrs::Offer] = &[#(#aliases),*];

        __cqrs::inventory::submit! {
            __cqrs::InjectableRegistration::of::<#ident>(__cqrs::source!(), ALIASES)
        }
    })
}

/// The conversion of the service into the trait object.
fn offer_as(ident: &Ident, alias: &Type) -> TokenStream {
    // With the span of the trait, on which an error is reported if the service does not implement the trait, or
    // if the trait object cannot be shared.
    let service = quote_spanned!(focus(alias)=> services.inject::<::std::sync::Arc<#ident>>(::core::option::Option::None));
    let boxed = quote_spanned!(focus(alias)=> __cqrs::offer(service));
    quote! {
        __cqrs::Offer::of::<#alias>(|services| {
            let service: ::std::sync::Arc<#alias> = #service;
            #boxed
        })
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
        let dependency = match source {
            Source::Type => {
                quote_spanned!(focus(ty)=> __cqrs::Dependency::of::<#ty>(#name))
            }
            Source::Named(service) => quote_spanned! {focus(ty)=>
                __cqrs::Dependency::named::<#ty>(#name, #service)
            },
            Source::Reference(service) if is_sized(ty) => {
                let service = optional(service.as_ref());
                quote_spanned!(focus(ty)=> __cqrs::Dependency::reference::<#ty>(#name, #service))
            }
            Source::Reference(None) => {
                let shared = shared(ty);
                quote_spanned!(focus(ty)=> __cqrs::Dependency::of::<#shared>(#name))
            }
            Source::Reference(Some(service)) => {
                let shared = shared(ty);
                quote_spanned!(focus(ty)=> __cqrs::Dependency::named::<#shared>(#name, #service))
            }
            Source::Default => continue,
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
        let InjectedField { ident, ty, source, cfgs, .. } = field;
        let value = match source {
            Source::Type => {
                quote_spanned!(focus(ty)=> #services.inject(::core::option::Option::None))
            }
            Source::Named(service) => {
                quote_spanned!(focus(ty)=> #services.inject(::core::option::Option::Some(#service)))
            }
            Source::Reference(service) => {
                let service = optional(service.as_ref());
                let method = if is_sized(ty) { quote!(reference) } else { quote!(inject) };
                quote_spanned!(focus(ty)=> #services.#method(#service))
            }
            Source::Default => quote_spanned!(focus(ty)=> ::core::default::Default::default()),
        };
        let key = ident.map(|ident| quote!(#ident:));
        quote!(#(#cfgs)* #key #value)
    });
    match injection.shape {
        Shape::Named => quote!(Self { #(#fields),* }),
        Shape::Tuple => quote!(Self(#(#fields),*)),
        Shape::Unit => quote!(Self),
    }
}

/// What a function that takes a `&T` keeps.
pub(crate) fn shared(ty: &Type) -> TokenStream {
    quote_spanned!(focus(ty)=> ::std::sync::Arc<#ty>)
}

fn optional(name: Option<&LitStr>) -> TokenStream {
    match name {
        Some(name) => quote!(::core::option::Option::Some(#name)),
        None => quote!(::core::option::Option::None),
    }
}
