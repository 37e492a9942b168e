//! `#[event(..)]` on an event, on its variants and on its fields.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, LitStr, Path, Token, Type};

use crate::attr::upcast::{self, Upcast};
use crate::attr::{injectable, krate, options, value};
use crate::error::Errors;
use crate::suggest;

const ON_THE_TYPE: &[&str] =
    &["name", "version", "upcast", "entity", "action", "describe", "activity", "as", "crate"];
const ON_A_FIELD: &[&str] = &["entity_id", "entity_name", "order_by", "redact", "changes"];
const KINDS: &[&str] = &["mask", "hash", "drop"];

/// The options on the struct or enum.
#[derive(Default)]
pub(crate) struct EventOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<Version>,
    pub(crate) upcast: Option<Upcast>,
    pub(crate) entity: Option<LitStr>,
    pub(crate) action: Option<LitStr>,
    pub(crate) describe: Option<LitStr>,
    pub(crate) activity: Option<bool>,
    /// The trait objects as which handlers may take the event.
    pub(crate) aliases: Vec<Type>,
    /// The path of `cqrs_core` in generated code.
    pub(crate) krate: Option<Path>,
}

/// The number after `version`.
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) span: Span,
}

impl EventOptions {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        let if_empty =
            "`#[event]` needs an option, such as `#[event(name = \"employee.created\")]`";
        options::read_all(attrs, "event", if_empty, errors, |key, input, errors| {
            found.option(key, input, errors)
        });
        found
    }

    fn option(
        &mut self,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        if krate::read(key, input, &mut self.krate)? {
            Ok(())
        } else if key == "name" {
            let text = value::string(key, "name = \"employee.created\"", input)?;
            options::set(&mut self.name, key, text)
        } else if key == "version" {
            let literal = value::integer(key, "version = 2", input)?;
            let number = value::in_range(1..=u32::MAX, key, &literal)?;
            options::set(&mut self.version, key, Version { number, span: literal.span() })
        } else if key == "upcast" {
            options::set(&mut self.upcast, key, upcast::read(key, input, errors)?)
        } else if key == "entity" {
            let text = value::string(key, "entity = \"Employee\"", input)?;
            options::set(&mut self.entity, key, text)
        } else if key == "action" {
            let text = value::string(key, "action = \"created\"", input)?;
            options::set(&mut self.action, key, text)
        } else if key == "describe" {
            options::set(&mut self.describe, key, template(key, input)?)
        } else if key == "activity" {
            let activity = value::boolean(key, "activity = false", input)?;
            options::set(&mut self.activity, key, activity)
        } else if key == "as" {
            injectable::aliases(key, "as = dyn EmployeeEvent", input, &mut self.aliases, errors)
        } else if options::contain(ON_A_FIELD, key) {
            let message = format!("`{key}` belongs on a field: `#[event({key})]` above the field");
            Err(syn::Error::new(key.span(), message))
        } else {
            Err(options::unknown(key, "`#[event(..)]` on a type", ON_THE_TYPE))
        }
    }
}

/// The options on a field, each with its span.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) entity_id: Option<Span>,
    pub(crate) entity_name: Option<Span>,
    pub(crate) order_by: Option<Span>,
    pub(crate) redact: Option<Redact>,
    pub(crate) changes: Option<Span>,
}

/// `redact`, and its kind.
#[derive(Clone, Copy)]
pub(crate) struct Redact {
    pub(crate) kind: RedactionKind,
    pub(crate) span: Span,
}

/// What becomes of a redacted value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedactionKind {
    Mask,
    Hash,
    Drop,
}

impl FieldOptions {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        let if_empty = "`#[event]` needs an option: `#[event(entity_id)]` or `#[event(redact)]`";
        options::read_all(attrs, "event", if_empty, errors, |key, input, _| {
            found.option(key, input)
        });
        found
    }

    fn option(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if key == "entity_id" {
            value::none(key, input)?;
            options::set(&mut self.entity_id, key, key.span())
        } else if key == "entity_name" {
            value::none(key, input)?;
            options::set(&mut self.entity_name, key, key.span())
        } else if key == "order_by" {
            value::none(key, input)?;
            options::set(&mut self.order_by, key, key.span())
        } else if key == "redact" {
            let kind = redaction_kind(key, input)?;
            options::set(&mut self.redact, key, Redact { kind, span: key.span() })
        } else if key == "changes" {
            value::none(key, input)?;
            options::set(&mut self.changes, key, key.span())
        } else if options::contain(ON_THE_TYPE, key) {
            let message = format!("`{key}` belongs on the type: `#[event({key} = ..)]` above it");
            Err(syn::Error::new(key.span(), message))
        } else {
            Err(options::unknown(key, "`#[event(..)]` on a field", ON_A_FIELD))
        }
    }
}

/// The option on a variant: its own description.
pub(crate) fn on_variant(attrs: &[Attribute], errors: &mut Errors) -> Option<LitStr> {
    let mut describe = None;
    let if_empty = "`#[event]` needs an option: a variant takes `#[event(describe = \"..\")]`";
    options::read_all(attrs, "event", if_empty, errors, |key, input, _| {
        if key == "describe" {
            return options::set(&mut describe, key, template(key, input)?);
        }
        Err(if options::contain(ON_THE_TYPE, key) {
            let message = format!(
                "`{key}` belongs above the enum, which is one event: a variant takes only \
                 `describe`"
            );
            syn::Error::new(key.span(), message)
        } else if options::contain(ON_A_FIELD, key) {
            let message = format!(
                "`{key}` belongs above one of the variant's fields: a variant takes only `describe`"
            );
            syn::Error::new(key.span(), message)
        } else {
            options::unknown(key, "`#[event(..)]` on a variant", &["describe"])
        })
    });
    describe
}

fn template(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    value::string(key, "describe = \"created {entity} {full_name}\"", input)
}

/// Reads nothing, or `= hash`.
fn redaction_kind(key: &Ident, input: ParseStream<'_>) -> syn::Result<RedactionKind> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(RedactionKind::Mask);
    }
    value::equals(key, "redact = hash", input)?;
    let Ok(kind) = input.call(Ident::parse_any) else {
        return Err(value::expected("`mask`, `hash` or `drop`", "redact = hash", key, input));
    };
    match kind.to_string().as_str() {
        "mask" => Ok(RedactionKind::Mask),
        "hash" => Ok(RedactionKind::Hash),
        "drop" => Ok(RedactionKind::Drop),
        written => {
            let hint = suggest::closest(written, KINDS);
            let hint = hint.map(|kind| format!(", did you mean `{kind}`?")).unwrap_or_default();
            let message = format!(
                "unknown redaction `{written}`{hint} (`redact` takes `mask`, `hash` and `drop`; \
                 `redact` alone is `redact = mask`)"
            );
            Err(syn::Error::new(kind.span(), message))
        }
    }
}
