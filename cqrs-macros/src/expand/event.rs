//! `#[derive(Event)]`.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Member, Type};

use crate::attr::event::RedactionKind;
use crate::attr::upcast::Step;
use crate::error::Errors;
use crate::expand::{description, lints, scope, with_fallback};
use crate::model::event::{Body, Event, Part, borrowed};
use crate::model::fields::Field;
use crate::model::injection::focus;
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
        return Ok(with_fallback(
            event.krate.as_ref(),
            &compile_errors,
            usable.then_some(implementation),
        ));
    }
    let ident = event.ident;
    let aliases = event.aliases.iter().map(|alias| registered_as(ident, alias));
    let lints = lints(&input);
    let scope = scope(
        event.krate.as_ref(),
        &quote! {
            #implementation

            __cqrs::inventory::submit! {
                __cqrs::MessageRegistration::event::<#ident>(__cqrs::source!())
                    .validated_by(__cqrs::validator!(#ident))
            }

            #(#aliases)*
        },
    );
    Ok(quote!(#lints #scope))
}

/// The registration of an alias of the event.
fn registered_as(ident: &Ident, alias: &Type) -> TokenStream {
    // With the span of the trait, so that the compiler reports there if the event does not implement it.
    let event = quote_spanned!(focus(alias)=> ::core::option::Option::Some(event));
    let shareable = quote_spanned!(focus(alias)=> __cqrs::shareable::<::std::sync::Arc<#alias>>);
    quote! {
        const _: fn() = #shareable;


        __cqrs::inventory::submit! {
            __cqrs::EventAlias::of::<#ident, #alias>(const {
                &__cqrs::Cast::<#alias>::new(|event| {
                    let event = event.downcast_ref::<#ident>()?;
                    #event
                })
            })
        }
    }
}

fn implementation(event: &Event<'_>) -> TokenStream {
    let Event { ident, name, version, entity, action, activity, upcast, body, .. } = event;
    let version = version.map(Literal::u32_unsuffixed);
    let version = version.map(|version| quote!(const VERSION: u32 = #version;));
    let label = |name, value: &Option<String>| {
        let name = Ident::new(name, Span::call_site());
        let value = some(value.as_ref()?);
        Some(quote!(const #name: ::core::option::Option<&'static str> = #value;))
    };
    let entity = label("ENTITY", entity);
    let action = label("ACTION", action);
    let activity = activity.map(|activity| quote!(const ACTIVITY: bool = #activity;));
    let entity_id = shown("entity_id", body, |part| part.entity_id.as_ref());
    let redacts_entity_id = redacts_entity_id(body);
    let entity_name = shown("entity_name", body, |part| part.entity_name.as_ref());
    let order_by = shown("order_by", body, |part| part.order_by.as_ref());
    let description = description::method(body);
    let changes = changes(body);
    let redactions = redactions(body);
    let upcast = self::upcast(upcast);
    quote! {
        #[automatically_derived]
        impl __cqrs::Event for #ident {
            const NAME: &'static str = #name;
            #version
            #entity
            #action
            #activity
            #entity_id
            #redacts_entity_id
            #order_by
            #entity_name
            #description
            #changes
            #redactions
            #upcast
        }
    }
}

pub(super) fn some(value: &impl ToTokens) -> TokenStream {
    quote!(::core::option::Option::Some(#value))
}

pub(super) fn none() -> TokenStream {
    quote!(::core::option::Option::None)
}

/// A method that shows a field which has `Display`.
fn shown(
    name: &str,
    body: &Body<'_>,
    field: impl Fn(&Part) -> Option<&Field>,
) -> Option<TokenStream> {
    let value = of_field(body, field, |value, optional| {
        if optional {
            quote!((#value).as_ref().map(|value| value as &dyn ::core::fmt::Display))
        } else {
            some(value)
        }
    })?;
    let name = Ident::new(name, Span::call_site());
    Some(quote! {
        fn #name(&self) -> ::core::option::Option<&dyn ::core::fmt::Display> {
            #value
        }
    })
}

/// The method that says whether the id's field is redacted; `None` if no variant redacts it.
fn redacts_entity_id(body: &Body<'_>) -> Option<TokenStream> {
    let value = match body {
        Body::Struct(part) => part.redacts_entity_id.then(|| quote!(true))?,
        Body::Enum(parts) => {
            let redacted = parts.iter().filter(|(_, part)| part.redacts_entity_id);
            let mut variants =
                redacted.map(|(variant, _)| quote!(Self::#variant { .. })).peekable();
            variants.peek()?;
            quote!(::core::matches!(self, #(#variants)|*))
        }
    };
    Some(quote! {
        fn redacts_entity_id(&self) -> bool {
            #value
        }
    })
}

fn changes(body: &Body<'_>) -> Option<TokenStream> {
    let changes = quote!(&__cqrs::Changes);
    let value = of_field(
        body,
        |part| part.changes.as_ref(),
        |value, optional| {
            if optional {
                quote!((#value).as_ref().map(|value| -> #changes { value }))
            } else {
                // With its type, so that a wrong type is one error, on the field.
                let some = some(&quote!(changes));
                quote!({ let changes: #changes = #value; #some })
            }
        },
    )?;
    Some(quote! {
        fn changes(&self) -> ::core::option::Option<#changes> {
            #value
        }
    })
}

/// The expression for one field of a struct, or of each variant that has it; `None` if none has it.
fn of_field(
    body: &Body<'_>,
    field: impl Fn(&Part) -> Option<&Field>,
    value: impl Fn(&TokenStream, bool) -> TokenStream,
) -> Option<TokenStream> {
    match body {
        Body::Struct(part) => {
            let Field { member, optional } = field(part)?;
            // The expression has the field's span, so that a missing `Display` is reported on the field.
            Some(value(&quote_spanned!(member.span()=> &self.#member), *optional))
        }
        Body::Enum(parts) => {
            let arms = arms(parts, |variant, part| {
                let Field { member, optional } = field(part)?;
                let binding = binding(member);
                let value = value(&binding.to_token_stream(), *optional);
                Some(quote!(Self::#variant { #member: #binding, .. } => #value,))
            })?;
            let rest = rest(parts, |part| field(part).is_some(), &none());
            Some(quote!(match self { #arms #rest }))
        }
    }
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
        fn redactions(&self) -> &'static [__cqrs::Redaction] {
            #value
        }
    })
}

fn upcast(steps: &[Step]) -> Option<TokenStream> {
    if steps.is_empty() {
        return None;
    }
    // These names hide no function of the user that is called so.
    let hidden = |name, span: Span| Ident::new(name, span.resolved_at(Span::mixed_site()));
    let arms = steps.iter().map(|Step { from, function, .. }| {
        let from = Literal::u32_unsuffixed(*from);
        // The call has the function's span, so that a wrong signature is reported on it.
        let span = function.span();
        let payload = hidden("payload", span);
        let span = span.resolved_at(Span::call_site());
        quote_spanned!(span=> #from => __cqrs::Upcasted::upcasted(#function(#payload)),)
    });
    let (from, payload) = (hidden("from", Span::call_site()), hidden("payload", Span::call_site()));
    Some(quote! {
        fn upcast(#from: u32, #payload: __cqrs::Value) -> __cqrs::JsonResult<__cqrs::Value> {
            match #from {
                #(#arms)*
                _ => __cqrs::no_upcast(),
            }
        }
    })
}

fn list(redactions: &[Redaction]) -> Option<TokenStream> {
    if redactions.is_empty() {
        return None;
    }
    let redactions = redactions.iter().map(|redaction| {
        let Redaction { kind, pointer, optional, changes_of } = redaction;
        let kind = match kind {
            RedactionKind::Mask => quote!(mask),
            RedactionKind::Hash => quote!(hash),
            RedactionKind::Drop => quote!(drop),
        };
        let optional = optional.then(|| quote!(.optional()));
        let changes_of = changes_of.as_ref().map(|name| quote!(.changes_of(#name)));
        quote!(__cqrs::Redaction::#kind(#pointer) #optional #changes_of)
    });
    Some(quote!(const { &[#(#redactions),*] }))
}

/// The name of a field's value in the code of a variant. It differs from the field's name, since Clippy reports
/// `name: name`, and from all other names in scope.
pub(super) fn binding(member: &Member) -> Ident {
    match member {
        Member::Named(ident) => Ident::new(&format!("{}_", ident.unraw()), ident.span()),
        Member::Unnamed(index) => Ident::new(&format!("field_{}", index.index), index.span),
    }
}

/// The match arms of the variants that have one, or `None` if no variant has.
pub(super) fn arms(
    parts: &[(&Ident, Part)],
    arm: impl Fn(&Ident, &Part) -> Option<TokenStream>,
) -> Option<TokenStream> {
    let arms: TokenStream = parts.iter().filter_map(|(variant, part)| arm(variant, part)).collect();
    (!arms.is_empty()).then_some(arms)
}

/// The match arm of all other variants, if there are any.
pub(super) fn rest(
    parts: &[(&Ident, Part)],
    has_arm: impl Fn(&Part) -> bool,
    value: &TokenStream,
) -> Option<TokenStream> {
    let all = parts.iter().all(|(_, part)| has_arm(part));
    (!all).then(|| quote!(_ => #value,))
}
