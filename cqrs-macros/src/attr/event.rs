//! `#[event(..)]` on an event and on its fields.

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::{Attribute, LitInt, LitStr};

use crate::attr::{options, value};
use crate::error::Errors;

const ON_THE_TYPE: &[&str] = &["name", "version", "entity", "action"];
const ON_A_FIELD: &[&str] = &["entity_id", "redact"];

/// What stands on the struct or enum.
#[derive(Default)]
pub(crate) struct EventOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitInt>,
    pub(crate) entity: Option<LitStr>,
    pub(crate) action: Option<LitStr>,
}

impl EventOptions {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        let if_empty =
            "`#[event]` needs an option, such as `#[event(name = \"employee.created\")]`";
        options::read_all(attrs, "event", if_empty, errors, |key, input, _| {
            found.option(key, input)
        });
        found
    }

    fn option(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if key == "name" {
            let text = value::string(key, "name = \"employee.created\"", input)?;
            options::set(&mut self.name, key, text)
        } else if key == "version" {
            options::set(&mut self.version, key, value::integer(key, "version = 2", input)?)
        } else if key == "entity" {
            let text = value::string(key, "entity = \"Employee\"", input)?;
            options::set(&mut self.entity, key, text)
        } else if key == "action" {
            let text = value::string(key, "action = \"created\"", input)?;
            options::set(&mut self.action, key, text)
        } else if ON_A_FIELD.iter().any(|option| key == option) {
            let message = format!("`{key}` belongs on a field: `#[event({key})]` above the field");
            Err(syn::Error::new(key.span(), message))
        } else {
            Err(options::unknown(key, "`#[event(..)]` on a type", ON_THE_TYPE))
        }
    }
}

/// What stands on a field: where each option was written, if it was.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) entity_id: Option<Span>,
    pub(crate) redact: Option<Span>,
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
        } else if key == "redact" {
            value::none(key, input)?;
            options::set(&mut self.redact, key, key.span())
        } else if ON_THE_TYPE.iter().any(|option| key == option) {
            let message = format!("`{key}` belongs on the type: `#[event({key} = ..)]` above it");
            Err(syn::Error::new(key.span(), message))
        } else {
            Err(options::unknown(key, "`#[event(..)]` on a field", ON_A_FIELD))
        }
    }
}

/// Refuses `#[event(..)]` on a variant, where it has no meaning.
pub(crate) fn none_on_variant(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
        errors.on_tokens(
            &attr.meta,
            "a variant has no event options of its own: write `name`, `version`, `entity` and \
             `action` above the enum, `entity_id` and `redact` above the variant's fields",
        );
    }
}
