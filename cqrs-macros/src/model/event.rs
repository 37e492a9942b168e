//! An event: its name, its labels, the roles of its fields, its description and its redactions.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Data, DataEnum, DeriveInput, LitStr, Path, Type};

use crate::attr::event::{self, EventOptions};
use crate::attr::serde::Serde;
use crate::attr::upcast::Step;
use crate::error::Errors;
use crate::model::description::{Description, Scope};
use crate::model::fields::{Field, Marked, Secret};
use crate::model::redaction::{self, Marks, Redaction};
use crate::model::secrets;
use crate::model::upcast;
use crate::{naming, validate};

/// A checked event.
pub(crate) struct Event<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) name: String,
    pub(crate) version: Option<u32>,
    pub(crate) entity: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) activity: Option<bool>,
    /// A function for each older version.
    pub(crate) upcast: Vec<Step>,
    /// The trait objects as which handlers may take the event.
    pub(crate) aliases: Vec<Type>,
    /// The path of `cqrs_core` in generated code.
    pub(crate) krate: Option<Path>,
    pub(crate) body: Body<'a>,
}

/// The roles of the event's fields.
pub(crate) enum Body<'a> {
    Struct(Part),
    Enum(Vec<(&'a Ident, Part)>),
}

/// The roles of the fields of a struct or of one variant.
#[derive(Default)]
pub(crate) struct Part {
    /// The field whose value identifies the entity.
    pub(crate) entity_id: Option<Field>,
    /// Whether that field is redacted.
    pub(crate) redacts_entity_id: bool,
    /// The field whose value names the entity.
    pub(crate) entity_name: Option<Field>,
    /// The field whose value orders the event.
    pub(crate) order_by: Option<Field>,
    /// The field that holds what changed.
    pub(crate) changes: Option<Field>,
    pub(crate) description: Option<Description>,
    pub(crate) redactions: Vec<Redaction>,
}

impl<'a> Event<'a> {
    pub(crate) fn read(input: &'a DeriveInput, errors: &mut Errors) -> Self {
        let ident = &input.ident;
        let is_concrete = validate::not_generic(
            &input.generics,
            "an event's name identifies one type, so an event cannot be generic: write one type for \
             each event",
            errors,
        );
        if let Some(borrow) = borrowed(&input.data).filter(|_| is_concrete) {
            errors.on_tokens(borrow.to_token_stream(), validate::OWNS_ITS_DATA);
        }
        let before = errors.len();
        let options = EventOptions::read(&input.attrs, errors);
        let version = options.version.as_ref().map(|version| version.number);
        // What is missing is not known before all options can be read.
        let upcast = if errors.len() == before {
            upcast::steps(options.version.as_ref(), options.upcast, errors)
        } else {
            Vec::new()
        };
        let unraw = ident.unraw().to_string();
        let plain = naming::without("Event", &unraw);
        let name = name(ident, options.name.as_ref(), plain, errors);
        let given = options.entity.as_ref().map(LitStr::value);
        let (entity, action) = entity_and_action(plain, &input.data, given.as_deref()).unzip();
        let mut label = |option, given: Option<LitStr>| {
            let literal = given?;
            validate::label(option, &literal.value(), literal.span(), errors);
            Some(literal.value())
        };
        let entity = label("entity", options.entity).or(entity);
        let action = label("action", options.action).or(action);
        let activity = options.activity;
        let labels = Labels { entity: entity.as_deref(), action: action.as_deref() };
        let body = body(input, &labels, options.describe.as_ref(), errors);
        let (aliases, krate) = (options.aliases, options.krate);
        Self { ident, name, version, entity, action, activity, upcast, aliases, krate, body }
    }
}

/// What the type's name says, with the field that identifies the entity: nothing without such a field, if the variants
/// of an enum differ, or if the entity that was given is another.
fn entity_and_action(plain: &str, data: &Data, given: Option<&str>) -> Option<(String, String)> {
    let all_fields: Vec<_> = match data {
        Data::Struct(data) => vec![&data.fields],
        Data::Enum(data) => data.variants.iter().map(|variant| &variant.fields).collect(),
        Data::Union(_) => return None,
    };
    let ids = all_fields.into_iter().filter_map(|fields| {
        // Mistakes are reported when the fields are read again.
        let marked = Marked::read(fields, &mut Errors::default());
        marked.names().nth(marked.entity_id?)
    });
    let mut read = ids.map(|id| naming::entity_and_action(plain, &id));
    let (entity, action) = read.next()??;
    let is_same = |other: Option<(String, String)>| other.is_some_and(|(it, _)| it == entity);
    let is_given = given.is_none_or(|given| naming::dotted(given) == naming::dotted(&entity));
    (read.all(is_same) && is_given).then_some((entity, action))
}

/// The name that was given, or the one that follows from `plain`, the type's name.
pub(crate) fn name(
    ident: &Ident,
    given: Option<&LitStr>,
    plain: &str,
    errors: &mut Errors,
) -> String {
    let (name, span) = match given {
        Some(literal) => (literal.value(), literal.span()),
        None => (naming::dotted(plain), ident.span()),
    };
    validate::message_name(&name, span, errors);
    name
}

/// The entity and the action that a description may name.
struct Labels<'a> {
    entity: Option<&'a str>,
    action: Option<&'a str>,
}

fn body<'a>(
    input: &'a DeriveInput,
    labels: &Labels<'_>,
    describe: Option<&LitStr>,
    errors: &mut Errors,
) -> Body<'a> {
    let serde = Serde::read(&input.attrs);
    match &input.data {
        Data::Struct(data) => {
            let marked = Marked::read(&data.fields, errors);
            if opaque(&serde, &marked.redacted(), errors) {
                return Body::Struct(Part::default());
            }
            let secrets = marked.secrets();
            let place = |marks: &Marks<'_>, errors: &mut Errors| {
                redaction::of_struct(marks, &serde, errors)
            };
            let redactions = secrets::redactions(&marked, &secrets, place, errors);
            let scope = scope(labels, &marked, &secrets);
            let description =
                describe.and_then(|template| Description::read(template, &scope, errors));
            Body::Struct(part(&marked, redactions, description))
        }
        Data::Enum(data) => Body::Enum(variants(data, &serde, labels, describe, errors)),
        Data::Union(data) => {
            errors.on(
                data.union_token.span,
                "an event is a struct or an enum: a union cannot be written as JSON",
            );
            Body::Struct(Part::default())
        }
    }
}

fn variants<'a>(
    data: &'a DataEnum,
    serde: &Serde,
    labels: &Labels<'_>,
    describe: Option<&LitStr>,
    errors: &mut Errors,
) -> Vec<(&'a Ident, Part)> {
    let all: Vec<_> =
        data.variants.iter().map(|variant| Marked::read(&variant.fields, errors)).collect();
    let all_secrets: Vec<_> = all.iter().flat_map(Marked::secrets).collect();
    let mut parts = Vec::new();
    // A mistake in the description of all variants is reported once.
    let mut describe = describe;
    for (variant, marked) in data.variants.iter().zip(&all) {
        let own = event::on_variant(&variant.attrs, errors);
        if opaque(serde, &marked.redacted(), errors) {
            break;
        }
        // Changes may contain what another variant redacts.
        let secrets: Vec<_> = marked.secrets().into_iter().chain(all_secrets.clone()).collect();
        let place = |marks: &Marks<'_>, errors: &mut Errors| {
            redaction::of_variant(variant, marks, serde, errors)
        };
        let redactions = secrets::redactions(marked, &secrets, place, errors);
        let mut scope = Scope { variant: Some(&variant.ident), ..scope(labels, marked, &secrets) };
        let description = match (&own, describe) {
            (Some(own), _) => Description::read(own, &scope, errors),
            (None, Some(shared)) => {
                scope.shared_by = Some(&all);
                let description = Description::read(shared, &scope, errors);
                describe = describe.filter(|_| description.is_some());
                description
            }
            (None, None) => None,
        };
        parts.push((&variant.ident, part(marked, redactions, description)));
    }
    parts
}

fn scope<'a>(labels: &Labels<'a>, marked: &'a Marked<'a>, secrets: &'a [Secret]) -> Scope<'a> {
    Scope {
        entity: labels.entity,
        action: labels.action,
        marked,
        variant: None,
        shared_by: None,
        secret: secrets.first().map(|secret| secret.name.as_str()),
    }
}

fn part(marked: &Marked<'_>, redactions: Vec<Redaction>, description: Option<Description>) -> Part {
    let field = |index: Option<usize>| index.map(|index| marked.field(index));
    Part {
        entity_id: field(marked.entity_id),
        redacts_entity_id: marked
            .entity_id
            .is_some_and(|index| marked.options[index].redact.is_some()),
        entity_name: field(marked.entity_name),
        order_by: field(marked.order_by),
        changes: field(marked.changes),
        description,
        redactions,
    }
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

/// Reports a redaction in a type whose JSON form does not follow from its fields; says whether there is one.
fn opaque(serde: &Serde, redacted: &Marks<'_>, errors: &mut Errors) -> bool {
    let Some(first) = redacted.first() else {
        return false;
    };
    let option = match (serde.into, serde.remote) {
        (Some(_), _) => "into",
        (None, Some(_)) => "remote",
        (None, None) => return false,
    };
    errors.on(
        first.span,
        format!(
            "`redact` cannot look through `#[serde({option} = ..)]`: derive `Event` for a type \
             that is written field by field"
        ),
    );
    true
}
