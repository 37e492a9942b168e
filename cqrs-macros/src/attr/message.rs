//! `#[command(..)]` on a command and `#[query(..)]` on a query.

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::{Attribute, LitStr, Path, Type};

use crate::attr::{krate, options, requires, value};
use crate::error::Errors;

const OF_COMMANDS: &[&str] =
    &["name", "output", "error", "requires", "json", "idempotent", "crate"];
const OF_QUERIES: &[&str] = &["name", "output", "stream", "error", "requires", "crate"];

/// The options on the struct or enum.
#[derive(Default)]
pub(crate) struct MessageOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) output: Option<Type>,
    /// The row of a query whose answer is a stream.
    pub(crate) stream: Option<Type>,
    pub(crate) error: Option<Type>,
    /// Empty if the caller needs no permission.
    pub(crate) requires: Option<Vec<LitStr>>,
    /// Whether a command may be executed from JSON.
    pub(crate) json: Option<Span>,
    /// Whether a command is executed once for each idempotency key.
    pub(crate) idempotent: Option<Span>,
    /// The path of `cqrs_core` in generated code.
    pub(crate) krate: Option<Path>,
}

impl MessageOptions {
    /// Reads the attribute called `attribute`: `command` or `query`.
    pub(crate) fn read(attrs: &[Attribute], attribute: &str, errors: &mut Errors) -> Self {
        let mut found = Self::default();
        let if_empty = format!(
            "`#[{attribute}]` needs an option, such as `#[{attribute}(output = Employee)]`"
        );
        options::read_all(attrs, attribute, &if_empty, errors, |key, input, errors| {
            found.option(attribute, key, input, errors)
        });
        found
    }

    fn option(
        &mut self,
        attribute: &str,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        if krate::read(key, input, &mut self.krate)? {
            Ok(())
        } else if key == "name" {
            let text = value::string(key, "name = \"employee.create\"", input)?;
            options::set(&mut self.name, key, text)
        } else if key == "output" {
            options::set(&mut self.output, key, value::ty(key, "output = Employee", input)?)
        } else if key == "stream" && attribute == "query" {
            options::set(&mut self.stream, key, value::ty(key, "stream = Employee", input)?)
        } else if key == "json" && attribute == "command" {
            value::none(key, input)?;
            options::set(&mut self.json, key, key.span())
        } else if key == "idempotent" && attribute == "command" {
            value::none(key, input)?;
            options::set(&mut self.idempotent, key, key.span())
        } else if key == "error" {
            let ty = value::ty(key, "error = CreateEmployeeError", input)?;
            options::set(&mut self.error, key, ty)
        } else if key == "requires" {
            let permissions = requires::read(key, input, errors)?;
            options::set(&mut self.requires, key, permissions)
        } else {
            let known = if attribute == "query" { OF_QUERIES } else { OF_COMMANDS };
            Err(options::unknown(key, &format!("`#[{attribute}(..)]`"), known))
        }
    }
}

/// Refuses `#[command(..)]` and `#[query(..)]` below the type itself.
pub(crate) fn none_inside<'a>(
    attrs: impl IntoIterator<Item = &'a Attribute>,
    attribute: &str,
    errors: &mut Errors,
) {
    for attr in attrs.into_iter().filter(|attr| attr.path().is_ident(attribute)) {
        errors.on_tokens(
            &attr.meta,
            format!("`#[{attribute}(..)]` belongs on the type, not on a variant or a field"),
        );
    }
}
