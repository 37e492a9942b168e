//! A command or a query: its name, its output and its error.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, LitStr, Path};

use crate::attr::message::{self, MessageOptions};
use crate::error::Errors;
use crate::model::event;
use crate::{naming, validate};

/// Which of the two is derived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Command,
    Query,
}

impl Kind {
    fn attribute(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Query => "query",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Command => "Command",
            Self::Query => "Query",
        }
    }
}

/// A checked command or query.
pub(crate) struct Message<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) name: String,
    /// The answer, or one row of it.
    pub(crate) output: TokenStream,
    pub(crate) is_stream: bool,
    /// Whether a command may be executed from JSON.
    pub(crate) json: Option<Span>,
    /// Whether a command is executed once for each idempotency key.
    pub(crate) idempotent: Option<Span>,
    pub(crate) error: TokenStream,
    /// The permissions that the caller needs; `None` if the annotation does not say.
    pub(crate) requires: Option<Vec<LitStr>>,
    /// The path of `cqrs_core` in generated code.
    pub(crate) krate: Option<Path>,
}

impl<'a> Message<'a> {
    pub(crate) fn read(kind: Kind, input: &'a DeriveInput, errors: &mut Errors) -> Self {
        let ident = &input.ident;
        let attribute = kind.attribute();
        let before = errors.len();
        validate::not_generic(
            &input.generics,
            &format!(
                "a {attribute}'s name identifies one type, so a {attribute} cannot be generic: \
                 write one type for each {attribute}"
            ),
            errors,
        );
        let options = MessageOptions::read(&input.attrs, attribute, errors);
        nothing_inside(input, attribute, errors);
        let unraw = ident.unraw().to_string();
        let plain = naming::without(kind.suffix(), &unraw);
        let name = event::name(ident, options.name.as_ref(), plain, errors);
        if let (Some(_), Some(stream)) = (&options.output, &options.stream) {
            errors.on_tokens(
                stream,
                "a query answers with one value or with a stream: keep `output` or `stream`",
            );
        }
        let is_stream = options.stream.is_some();
        let output = options.output.or(options.stream);
        if kind == Kind::Query && output.is_none() && errors.len() == before {
            errors.on(
                ident.span(),
                "a query answers with a value: name its type with `#[query(output = ..)]`",
            );
        }
        let output = output.map_or_else(|| quote!(()), ToTokens::into_token_stream);
        let error =
            options.error.map_or_else(|| quote!(__cqrs::HandlerError), ToTokens::into_token_stream);
        Self {
            ident,
            name,
            output,
            is_stream,
            json: options.json,
            idempotent: options.idempotent,
            error,
            requires: options.requires,
            krate: options.krate,
        }
    }
}

fn nothing_inside(input: &DeriveInput, attribute: &str, errors: &mut Errors) {
    match &input.data {
        Data::Struct(data) => {
            let attrs = data.fields.iter().flat_map(|field| &field.attrs);
            message::none_inside(attrs, attribute, errors);
        }
        Data::Enum(data) => {
            let attrs = data.variants.iter().flat_map(|variant| {
                let fields = variant.fields.iter().flat_map(|field| &field.attrs);
                variant.attrs.iter().chain(fields)
            });
            message::none_inside(attrs, attribute, errors);
        }
        Data::Union(data) => errors.on(
            data.union_token.span,
            format!("a {attribute} is a struct or an enum, not a union"),
        ),
    }
}
