//! The sentence that describes an event: `describe = "created a new {entity} called {full_name}"`.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{LitStr, Member};

use crate::error::Errors;
use crate::model::fields::Marked;
use crate::model::template::{self, Piece, Placeholder};
use crate::suggest;

const OF_EVERY_EVENT: [&str; 4] = ["entity", "action", "entity_id", "entity_name"];

/// A checked description, in the form of a call of `format!`.
pub(crate) struct Description {
    pub(crate) template: LitStr,
    pub(crate) arguments: Vec<Argument>,
}

/// A name in the template, and its value.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

#[derive(PartialEq)]
pub(crate) enum Value {
    /// Known when the event's code is generated.
    Text(String),
    /// A field, and the text for an absent one.
    Field { member: Member, fallback: Option<String> },
}

/// What a template may name.
pub(crate) struct Scope<'a> {
    pub(crate) entity: Option<&'a str>,
    pub(crate) action: Option<&'a str>,
    pub(crate) marked: &'a Marked<'a>,
    /// The variant, in an enum.
    pub(crate) variant: Option<&'a Ident>,
    /// All variants, if the template is that of the enum: then it cannot name their fields.
    pub(crate) shared_by: Option<&'a [Marked<'a>]>,
    /// A redacted field, whose changes no description may show.
    pub(crate) secret: Option<&'a str>,
}

impl Description {
    /// The description in this scope, or nothing if it has mistakes, which are added to `errors`.
    pub(crate) fn read(literal: &LitStr, scope: &Scope<'_>, errors: &mut Errors) -> Option<Self> {
        let pieces = errors.keep(template::parse(literal))?;
        let mut text = String::new();
        let mut arguments: Vec<Argument> = Vec::new();
        let before = errors.len();
        for piece in pieces {
            let placeholder = match piece {
                Piece::Text(piece) => {
                    text.push_str(&piece.replace('{', "{{").replace('}', "}}"));
                    continue;
                }
                Piece::Placeholder(placeholder) => placeholder,
            };
            match scope.value(&placeholder) {
                Ok(value) => {
                    let name = argument_name(&placeholder, &mut arguments, value, literal.span());
                    text.extend(["{", &name.to_string(), &placeholder.spec, "}"]);
                }
                Err(message) => errors.on(literal.span(), message),
            }
        }
        (errors.len() == before)
            .then(|| Self { template: LitStr::new(&text, literal.span()), arguments })
    }
}

/// The name of the argument with this value, which is added if it is new.
fn argument_name(
    placeholder: &Placeholder,
    arguments: &mut Vec<Argument>,
    value: Value,
    span: Span,
) -> Ident {
    let mut name = match placeholder.name.parse::<u32>() {
        Ok(index) => format!("field_{index}"),
        Err(_) => placeholder.name.clone(),
    };
    loop {
        let taken = arguments.iter().find(|argument| argument.name == name);
        if let Some(same) = taken.filter(|argument| argument.value == value) {
            return same.name.clone();
        }
        // A keyword is no name for an argument.
        if taken.is_none() && syn::parse_str::<Ident>(&name).is_ok() {
            let name = Ident::new(&name, span);
            arguments.push(Argument { name: name.clone(), value });
            return name;
        }
        name.push('_');
    }
}

impl Scope<'_> {
    fn value(&self, placeholder: &Placeholder) -> Result<Value, String> {
        let name = placeholder.name.as_str();
        if let Some(variants) = self.shared_by {
            let is_field = variants.iter().any(|variant| variant.position(name).is_some());
            if is_field && !OF_EVERY_EVENT.contains(&name) {
                return Err(format!(
                    "`{name}` is a field of one variant: write `#[event(describe = \"..\")]` above \
                     the variants, or leave `{{{name}}}` out"
                ));
            }
        } else if let Some(index) = self.marked.position(name) {
            return self.field(index, placeholder);
        }
        match name {
            "entity" => label(placeholder, self.entity),
            "action" => label(placeholder, self.action),
            "entity_id" => self.marked_field(placeholder, self.marked.entity_id),
            "entity_name" => self.marked_field(placeholder, self.marked.entity_name),
            _ => Err(self.unknown(name)),
        }
    }

    fn marked_field(
        &self,
        placeholder: &Placeholder,
        index: Option<usize>,
    ) -> Result<Value, String> {
        let name = &placeholder.name;
        match (index, self.variant) {
            (Some(index), _) => self.field(index, placeholder),
            (None, None) => Err(format!(
                "no field has `#[event({name})]`: write it above one, or leave `{{{name}}}` out"
            )),
            (None, Some(variant)) => Err(format!(
                "no field of `{variant}` has `#[event({name})]`: write it above one, or leave \
                 `{{{name}}}` out"
            )),
        }
    }

    fn field(&self, index: usize, placeholder: &Placeholder) -> Result<Value, String> {
        let field = self.marked.field(index);
        let name = &placeholder.name;
        if self.marked.options[index].redact.is_some() {
            let shown = field.member.to_token_stream();
            return Err(format!(
                "`{shown}` is redacted, and a description is never redacted; leave `{{{name}}}` out"
            ));
        }
        if let Some(secret) = self.secret.filter(|_| self.marked.changes == Some(index)) {
            return Err(format!(
                "the changes may contain `{secret}`, which is redacted, and a description is never \
                 redacted; leave `{{{name}}}` out"
            ));
        }
        let debug = placeholder.spec.ends_with('?');
        match &placeholder.fallback {
            None if field.optional && !debug => Err(format!(
                "`{name}` may be absent: write a text for that case, such as `{{{name}|none}}`, or \
                 `{{{name}|}}` for no text"
            )),
            Some(_) if !field.optional => Err(always_there(placeholder)),
            Some(_) if debug => Err(format!(
                "`:?` shows an absent `{name}` as `None`: leave `:?` or the text after `|` out"
            )),
            fallback => Ok(Value::Field { member: field.member, fallback: fallback.clone() }),
        }
    }

    fn unknown(&self, name: &str) -> String {
        let fields: Vec<String> = self.marked.names().collect();
        let shown = if self.shared_by.is_some() { &[] } else { fields.as_slice() };
        let known: Vec<&str> =
            OF_EVERY_EVENT.into_iter().chain(shown.iter().map(String::as_str)).collect();
        let hint = suggest::closest(name, &known)
            .map(|name| format!(", did you mean `{{{name}}}`?"))
            .unwrap_or_default();
        format!("unknown placeholder `{{{name}}}`{hint} (there are {})", suggest::list(&known))
    }
}

/// What the event is about or what happened to it, if it says so.
fn label(placeholder: &Placeholder, label: Option<&str>) -> Result<Value, String> {
    let name = &placeholder.name;
    let Some(label) = label else {
        return Err(format!(
            "the event has no {name}: write `{name} = \"..\"` beside `describe`, or leave \
             `{{{name}}}` out"
        ));
    };
    if placeholder.fallback.is_some() {
        return Err(always_there(placeholder));
    }
    Ok(Value::Text(label.to_owned()))
}

fn always_there(placeholder: &Placeholder) -> String {
    let Placeholder { name, fallback, .. } = placeholder;
    let fallback = fallback.as_deref().unwrap_or_default();
    format!("`{name}` is no `Option`, so it is always there: leave `|{fallback}` out")
}
