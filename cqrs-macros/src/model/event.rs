//! An event: its names, the field that says which entity it is about, and its redactions.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, LitStr, Member, Type};

use crate::attr::event::{self, EventOptions, FieldOptions};
use crate::attr::serde::Serde;
use crate::error::Errors;
use crate::model::redaction::{self, Redacted, Redaction};
use crate::{naming, validate};

/// A checked event.
pub(crate) struct Event<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) entity: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) body: Body<'a>,
}

/// What the event's fields say.
pub(crate) enum Body<'a> {
    Struct(Part),
    Enum(Vec<(&'a Ident, Part)>),
}

/// What the fields of a struct or of one variant say.
#[derive(Default)]
pub(crate) struct Part {
    /// The field whose value identifies the entity.
    pub(crate) entity_id: Option<EntityId>,
    pub(crate) redactions: Vec<Redaction>,
}

/// The field whose value identifies the entity.
pub(crate) struct EntityId {
    pub(crate) member: Member,
    /// Whether the field is an `Option`, by how its type is written.
    pub(crate) optional: bool,
}

impl<'a> Event<'a> {
    pub(crate) fn read(input: &'a DeriveInput, errors: &mut Errors) -> Self {
        let ident = &input.ident;
        let is_concrete = validate::not_generic(
            &input.generics,
            "an event's name stands for one type, so an event cannot be generic: write a type of \
             its own for each event",
            errors,
        );
        if let Some(borrow) = borrowed(&input.data).filter(|_| is_concrete) {
            errors.on_tokens(borrow.to_token_stream(), validate::OWNS_ITS_DATA);
        }
        let options = EventOptions::read(&input.attrs, errors);
        let words = naming::words_without("Event", &ident.unraw().to_string());
        let name = name(ident, options.name.as_ref(), &words, errors);
        let version = version(&options, errors);
        let (entity, action) = naming::entity_and_action(&words).unzip();
        let mut label = |option, given: Option<LitStr>| {
            let literal = given?;
            validate::label(option, &literal.value(), literal.span(), errors);
            Some(literal.value())
        };
        let entity = label("entity", options.entity).or(entity);
        let action = label("action", options.action).or(action);
        let body = body(input, errors);
        Self { ident, name, version, entity, action, body }
    }
}

/// The name that was given, or the one that follows from the type's words.
pub(crate) fn name(
    ident: &Ident,
    given: Option<&LitStr>,
    words: &[String],
    errors: &mut Errors,
) -> String {
    let (name, span) = match given {
        Some(literal) => (literal.value(), literal.span()),
        None => (naming::dotted(words), ident.span()),
    };
    validate::message_name(&name, span, errors);
    name
}

fn version(options: &EventOptions, errors: &mut Errors) -> u32 {
    let Some(literal) = &options.version else {
        return 1;
    };
    let version = literal.base10_parse().unwrap_or(0);
    if version == 0 {
        let message = format!("`version` is out of range: 1 to {} are allowed", u32::MAX);
        errors.on(literal.span(), message);
    }
    version
}

fn body<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Body<'a> {
    let serde = Serde::read(&input.attrs);
    match &input.data {
        Data::Struct(data) => {
            let (entity_id, redacted) = fields(&data.fields, errors);
            if opaque(&serde, &redacted, errors) {
                return Body::Struct(Part::default());
            }
            let redactions = redaction::of_struct(&redacted, &serde, errors);
            Body::Struct(Part { entity_id, redactions })
        }
        Data::Enum(data) => {
            let mut parts = Vec::new();
            for variant in &data.variants {
                event::none_on_variant(&variant.attrs, errors);
                let (entity_id, redacted) = fields(&variant.fields, errors);
                if opaque(&serde, &redacted, errors) {
                    break;
                }
                let redactions = redaction::of_variant(variant, &redacted, &serde, errors);
                parts.push((&variant.ident, Part { entity_id, redactions }));
            }
            Body::Enum(parts)
        }
        Data::Union(data) => {
            errors.on(
                data.union_token.span,
                "an event is a struct or an enum: a union cannot be written as JSON",
            );
            Body::Struct(Part::default())
        }
    }
}

/// Reads the options of the fields of a struct or of one variant.
fn fields<'a>(fields: &'a Fields, errors: &mut Errors) -> (Option<EntityId>, Redacted<'a>) {
    let mut entity_id = None;
    let mut marks = Vec::new();
    for (field, member) in fields.iter().zip(fields.members()) {
        let options = FieldOptions::read(&field.attrs, errors);
        marks.push(options.redact);
        let Some(span) = options.entity_id else {
            continue;
        };
        if let Some(first) = &entity_id {
            let first: &EntityId = first;
            errors.on(
                span,
                format!(
                    "an event is about one entity: `{}` is its `entity_id` already",
                    first.member.to_token_stream()
                ),
            );
        } else {
            entity_id = Some(EntityId { member, optional: is_option(&field.ty) });
        }
    }
    (entity_id, Redacted { fields, marks })
}

/// The first field that is a reference.
pub(crate) fn borrowed(data: &Data) -> Option<&Type> {
    let is_reference = |ty: &&Type| matches!(ty, Type::Reference(_));
    match data {
        Data::Struct(data) => data.fields.iter().map(|field| &field.ty).find(is_reference),
        Data::Enum(data) => {
            let fields = data.variants.iter().flat_map(|variant| &variant.fields);
            fields.map(|field| &field.ty).find(is_reference)
        }
        Data::Union(_) => None,
    }
}

fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Option"),
        _ => false,
    }
}

/// Reports a redaction in a type whose JSON form its fields do not show.
fn opaque(serde: &Serde, redacted: &Redacted<'_>, errors: &mut Errors) -> bool {
    let Some(first) = redacted.first() else {
        return false;
    };
    let option = match (serde.into, serde.remote) {
        (Some(_), _) => "into",
        (None, Some(_)) => "remote",
        (None, None) => return false,
    };
    errors.on(
        first,
        format!(
            "`redact` cannot look through `#[serde({option} = ..)]`: derive `Event` for a type \
             that is written field by field"
        ),
    );
    true
}
