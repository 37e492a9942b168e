//! `#[derive(Event)]`.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput};

use crate::error::Errors;
use crate::expand::{lints, with_fallback};
use crate::model::event::{Body, EntityId, Event, Part, borrowed};
use crate::model::redaction::Redaction;

pub(crate) fn derive(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let mut errors = Errors::new();
    let event = Event::read(&input, &mut errors);
    let implementation = implementation(&event);
    if let Some(compile_errors) = errors.into_compile_errors() {
        // A generic event cannot be implemented without knowing its bounds, and one that borrows cannot
        // be read back.
        let usable = input.generics.params.is_empty()
            && !matches!(input.data, Data::Union(_))
            && borrowed(&input.data).is_none();
        return Ok(with_fallback(compile_errors, usable.then_some(implementation)));
    }
    let ident = event.ident;
    let lints = lints(&input);
    Ok(quote! {
        #lints
        const _: () = {
            #implementation

            ::cqrs_core::macro_support::inventory::submit! {
                ::cqrs_core::macro_support::MessageRegistration::event::<#ident>(
                    ::cqrs_core::macro_support::source!()
                )
                .validated_by(::cqrs_core::macro_support::validator!(#ident))
            }
        };
    })
}

fn implementation(event: &Event<'_>) -> TokenStream {
    let Event { ident, name, version, entity, action, body } = event;
    let version = proc_macro2::Literal::u32_unsuffixed(*version);
    let entity = entity.as_ref().map_or_else(none, some);
    let action = action.as_ref().map_or_else(none, some);
    let entity_id = entity_id(body);
    let redactions = redactions(body);
    quote! {
        #[automatically_derived]
        impl ::cqrs_core::macro_support::Event for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            const ENTITY: ::core::option::Option<&'static str> = #entity;
            const ACTION: ::core::option::Option<&'static str> = #action;
            #entity_id
            #redactions
        }
    }
}

fn some(value: &impl ToTokens) -> TokenStream {
    quote!(::core::option::Option::Some(#value))
}

fn none() -> TokenStream {
    quote!(::core::option::Option::None)
}

fn entity_id(body: &Body<'_>) -> Option<TokenStream> {
    let value = match body {
        Body::Struct(part) => {
            let EntityId { member, optional } = part.entity_id.as_ref()?;
            // The whole expression is on the field, where a missing `Display` is then reported.
            let field = quote_spanned!(member.span()=> &self.#member);
            id(&field, *optional)
        }
        Body::Enum(parts) => {
            let arms = arms(parts, |variant, part| {
                let entity_id = part.entity_id.as_ref()?;
                Some(entity_id_arm(variant, entity_id))
            });
            let arms = arms?;
            let rest = rest(parts, |part| part.entity_id.is_some(), &none());
            quote!(match self { #arms #rest })
        }
    };
    Some(quote! {
        fn entity_id(&self) -> ::core::option::Option<&dyn ::core::fmt::Display> {
            #value
        }
    })
}

/// An optional id is there or not.
fn id(value: &TokenStream, optional: bool) -> TokenStream {
    if optional {
        quote!((#value).as_ref().map(|id| id as &dyn ::core::fmt::Display))
    } else {
        some(value)
    }
}

fn entity_id_arm(variant: &Ident, EntityId { member, optional }: &EntityId) -> TokenStream {
    let binding = Ident::new("entity_id", member.span());
    let value = id(&binding.to_token_stream(), *optional);
    quote!(Self::#variant { #member: #binding, .. } => #value,)
}

fn redactions(body: &Body<'_>) -> Option<TokenStream> {
    let value = match body {
        Body::Struct(part) => list(&part.redactions)?,
        Body::Enum(parts) => {
            let arms = arms(parts, |variant, part| {
                let list = list(&part.redactions)?;
                Some(quote!(Self::#variant { .. } => #list,))
            });
            let arms = arms?;
            let rest = rest(parts, |part| !part.redactions.is_empty(), &quote!(&[]));
            quote!(match self { #arms #rest })
        }
    };
    Some(quote! {
        fn redactions(&self) -> &'static [::cqrs_core::macro_support::Redaction] {
            #value
        }
    })
}

fn list(redactions: &[Redaction]) -> Option<TokenStream> {
    if redactions.is_empty() {
        return None;
    }
    let redactions = redactions.iter().map(|Redaction { pointer, optional }| {
        let optional = optional.then(|| quote!(.optional()));
        quote!(::cqrs_core::macro_support::Redaction::mask(#pointer) #optional)
    });
    Some(quote!(const { &[#(#redactions),*] }))
}

/// The match arms of the variants that have one, or `None` if no variant has.
fn arms(
    parts: &[(&Ident, Part)],
    arm: impl Fn(&Ident, &Part) -> Option<TokenStream>,
) -> Option<TokenStream> {
    let arms: TokenStream = parts.iter().filter_map(|(variant, part)| arm(variant, part)).collect();
    (!arms.is_empty()).then_some(arms)
}

/// The match arm of all other variants, if there are any.
fn rest(
    parts: &[(&Ident, Part)],
    has_arm: impl Fn(&Part) -> bool,
    value: &TokenStream,
) -> Option<TokenStream> {
    let all = parts.iter().all(|(_, part)| has_arm(part));
    (!all).then(|| quote!(_ => #value,))
}
