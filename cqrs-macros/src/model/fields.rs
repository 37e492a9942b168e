//! The options on the fields of a struct or of one variant.

use proc_macro2::Span;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Fields, Member};

use crate::attr::event::{FieldOptions, RedactionKind};
use crate::attr::serde::Serde;
use crate::error::Errors;
use crate::model::injection::is_named;
use crate::model::redaction::{Mark, Marks};

/// Fields with their options.
pub(crate) struct Marked<'a> {
    pub(crate) fields: &'a Fields,
    /// One for each field.
    pub(crate) options: Vec<FieldOptions>,
    /// Which field identifies the entity.
    pub(crate) entity_id: Option<usize>,
    /// Which field names the entity.
    pub(crate) entity_name: Option<usize>,
    /// Which field orders the event.
    pub(crate) order_by: Option<usize>,
    /// Which field holds the changes.
    pub(crate) changes: Option<usize>,
}

/// A field whose value a method of the event returns.
pub(crate) struct Field {
    pub(crate) member: Member,
    /// Whether the field is an `Option`, by how its type is written.
    pub(crate) optional: bool,
}

/// A redacted field, by the name under which changes may contain its value.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) kind: RedactionKind,
}

impl<'a> Marked<'a> {
    pub(crate) fn read(fields: &'a Fields, errors: &mut Errors) -> Self {
        let options: Vec<_> =
            fields.iter().map(|field| FieldOptions::read(&field.attrs, errors)).collect();
        let mut only = |spans: Vec<Option<Span>>, message: &str| {
            let mut marked =
                spans.into_iter().enumerate().filter_map(|(at, span)| Some((at, span?)));
            let (first, _) = marked.next()?;
            let member = fields.members().nth(first)?.to_token_stream();
            for (_, span) in marked {
                errors.on(span, message.replace("{}", &member.to_string()));
            }
            Some(first)
        };
        let entity_id = only(
            options.iter().map(|options| options.entity_id).collect(),
            "an event is about one entity: `{}` is its `entity_id` already",
        );
        let entity_name = only(
            options.iter().map(|options| options.entity_name).collect(),
            "an event is about one entity: `{}` is its `entity_name` already",
        );
        let order_by = only(
            options.iter().map(|options| options.order_by).collect(),
            "an event has one order: `{}` is its `order_by` already",
        );
        let changes = only(
            options.iter().map(|options| options.changes).collect(),
            "an event has one list of changes: `{}` is it already",
        );
        for options in &options {
            if let (Some(span), Some(_)) = (options.entity_name, options.redact) {
                errors.on(
                    span,
                    "an entity's name is shown to people, so it cannot be redacted: remove either \
                     `entity_name` or `redact`",
                );
            }
        }
        Self { fields, options, entity_id, entity_name, order_by, changes }
    }

    /// The field at `index`, which exists.
    pub(crate) fn field(&self, index: usize) -> Field {
        let optional =
            self.fields.iter().nth(index).is_some_and(|field| is_named("Option", &field.ty));
        let member = self.fields.members().nth(index).unwrap_or_else(|| Member::from(index));
        Field { member, optional }
    }

    /// The fields' names; those of a tuple are numbers.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.fields.members().map(|member| match member {
            Member::Named(ident) => ident.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        })
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names().position(|field| field == name)
    }

    /// The fields with `redact`.
    pub(crate) fn redacted(&self) -> Marks<'a> {
        let marks = self.options.iter().map(|options| {
            let redact = options.redact?;
            Some(Mark { span: redact.span, option: "redact", kind: redact.kind })
        });
        Marks { fields: self.fields, marks: marks.collect() }
    }

    /// The names under which changes may contain a redacted value: the field's name in Rust, and its name in
    /// JSON if `#[serde(rename)]` gives another. Rules such as `camelCase` add none: the core ignores case and
    /// separators.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let mut secrets = Vec::new();
        for (field, options) in self.fields.iter().zip(&self.options) {
            let (Some(ident), Some(redact)) = (&field.ident, options.redact) else {
                continue;
            };
            let renamed = Serde::read(&field.attrs).rename;
            for name in [Some(ident.unraw().to_string()), renamed].into_iter().flatten() {
                secrets.push(Secret { name, kind: redact.kind });
            }
        }
        secrets
    }
}
