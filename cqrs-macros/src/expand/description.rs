//! The method that describes an event: one `format!` for the struct, or for each variant.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Member;
use syn::spanned::Spanned;

use crate::expand::event::{arms, binding, none, rest, some};
use crate::model::description::{Argument, Description, Value};
use crate::model::event::Body;

pub(super) fn method(body: &Body<'_>) -> Option<TokenStream> {
    let value = match body {
        Body::Struct(part) => {
            let description = part.description.as_ref()?;
            format(description, |member| quote_spanned!(member.span()=> self.#member))
        }
        Body::Enum(parts) => {
            let arms = arms(parts, |variant, part| {
                let description = part.description.as_ref()?;
                let fields = bindings(description);
                let value = format(description, |member| binding(member).to_token_stream());
                Some(quote!(Self::#variant { #fields .. } => #value,))
            })?;
            let rest = rest(parts, |part| part.description.is_some(), &none());
            quote!(match self { #arms #rest })
        }
    };
    Some(quote! {
        fn description(&self) -> ::core::option::Option<::std::string::String> {
            #value
        }
    })
}

/// The call of `format!`; `field` is the expression for a field. A missing `Display` is reported on the template.
fn format(description: &Description, field: impl Fn(&Member) -> TokenStream) -> TokenStream {
    let Description { template, arguments } = description;
    let at = Span::call_site().located_at(template.span());
    let arguments = arguments.iter().map(|Argument { name, value }| match value {
        Value::Text(text) => quote!(, #name = #text),
        Value::Field { member, fallback } => {
            let member = located(member, template.span());
            let field = field(&member);
            match fallback {
                None => quote_spanned!(at=> , #name = #field),
                Some(fallback) => quote_spanned! {at=>
                    , #name = __cqrs::present_or(#field.as_ref(), &#fallback)
                },
            }
        }
    });
    some(&quote!(::std::format!(#template #(#arguments)*)))
}

/// The fields that a variant's description names, each once, as in its pattern.
fn bindings(description: &Description) -> TokenStream {
    let mut members: Vec<&Member> = Vec::new();
    for argument in &description.arguments {
        if let Value::Field { member, .. } = &argument.value
            && !members.contains(&member)
        {
            members.push(member);
        }
    }
    let fields = members.into_iter().map(|member| {
        let binding = binding(&located(member, description.template.span()));
        quote!(#member: #binding,)
    });
    fields.collect()
}

/// The member with the place of `span`.
fn located(member: &Member, span: Span) -> Member {
    match member.clone() {
        Member::Named(mut ident) => {
            ident.set_span(ident.span().located_at(span));
            Member::Named(ident)
        }
        Member::Unnamed(mut index) => {
            index.span = index.span.located_at(span);
            Member::Unnamed(index)
        }
    }
}
