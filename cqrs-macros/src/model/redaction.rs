//! The JSON pointers of redacted fields, and of changes that may contain their values.
//!
//! serde's derive makes the JSON form, so this module follows `serde_derive`. If a pointer is wrong, for
//! example because `Serialize` is written by hand, the core masks the whole payload: it does so for each
//! pointer that does not resolve, unless the field may be absent.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Field, Fields, Variant};

use crate::attr::event::RedactionKind;
use crate::attr::serde::Serde;
use crate::error::Errors;
use crate::model::rename::Rule;

/// A JSON pointer (RFC 6901) to a value that must not be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redaction {
    pub(crate) kind: RedactionKind,
    pub(crate) pointer: String,
    /// Whether the value may be absent.
    pub(crate) optional: bool,
    /// The field whose changes are redacted, if the value is the event's changes.
    pub(crate) changes_of: Option<String>,
}

/// The fields of a struct or a variant, with marks on those whose pointers are needed.
pub(crate) struct Marks<'a> {
    pub(crate) fields: &'a Fields,
    pub(crate) marks: Vec<Option<Mark>>,
}

/// An option on a field: its name, its span, and what becomes of the value.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) span: Span,
    pub(crate) option: &'static str,
    pub(crate) kind: RedactionKind,
}

impl Mark {
    pub(crate) fn at(self, pointer: String, optional: bool) -> Redaction {
        Redaction { kind: self.kind, pointer, optional, changes_of: None }
    }
}

impl Marks<'_> {
    /// The first mark.
    pub(crate) fn first(&self) -> Option<Mark> {
        self.marks.iter().flatten().next().copied()
    }
}

/// The redactions of a struct.
pub(crate) fn of_struct(
    redacted: &Marks<'_>,
    serde: &Serde,
    errors: &mut Errors,
) -> Vec<Redaction> {
    let whole = |mark: Mark| vec![mark.at(String::new(), false)];
    let Some(first) = redacted.first() else {
        return Vec::new();
    };
    if serde.transparent {
        let shown = |(field, mark): (&Field, &Option<Mark>)| {
            mark.filter(|_| !Serde::read(&field.attrs).skipped())
        };
        let mark = redacted.fields.iter().zip(&redacted.marks).find_map(shown);
        return mark.map_or_else(Vec::new, whole);
    }
    if is_newtype(redacted.fields) {
        // serde writes the only field of a newtype struct even if it is to be skipped.
        return whole(first);
    }
    of_fields(redacted, "", Rule::named(serde.rename_all.as_deref()), errors)
}

/// The redactions of one variant of an enum.
pub(crate) fn of_variant(
    variant: &Variant,
    redacted: &Marks<'_>,
    serde: &Serde,
    errors: &mut Errors,
) -> Vec<Redaction> {
    let own = Serde::read(&variant.attrs);
    let Some(first) = redacted.first() else {
        return Vec::new();
    };
    if own.skipped() {
        return Vec::new();
    }
    if own.with.is_some() {
        errors.on(
            first.span,
            format!(
                "`{}` cannot look into a variant that `#[serde(with = ..)]` writes: put `with` on \
                 the field instead",
                first.option
            ),
        );
        return Vec::new();
    }
    let newtype = is_newtype(&variant.fields);
    let base = match (serde.untagged || own.untagged, &serde.tag, &serde.content) {
        (false, None, _) => {
            let rule = Rule::named(serde.rename_all.as_deref());
            let name = own.rename.clone();
            segment(&name.unwrap_or_else(|| rule.variant(&variant.ident.unraw().to_string())))
        }
        (false, Some(_), Some(content)) => segment(content),
        (false, Some(_), None) if newtype => {
            errors.on(
                first.span,
                format!(
                    "`{}` cannot follow the only field of a variant in an enum with \
                     `#[serde(tag = ..)]`, because serde writes its content beside the tag: name the \
                     field, or add `content = \"..\"`",
                    first.option
                ),
            );
            return Vec::new();
        }
        (true, _, _) | (false, Some(_), None) => String::new(),
    };
    if newtype {
        let skipped = variant.fields.iter().any(|field| Serde::read(&field.attrs).skipped());
        return if skipped { Vec::new() } else { vec![first.at(base, false)] };
    }
    let rule = own.rename_all.as_deref().or(serde.rename_all_fields.as_deref());
    of_fields(redacted, &base, Rule::named(rule), errors)
}

/// The redactions of named fields, or of a tuple of any length but one.
fn of_fields(redacted: &Marks<'_>, base: &str, rule: Rule, errors: &mut Errors) -> Vec<Redaction> {
    let mut redactions = Vec::new();
    let mut index = 0;
    let mut index_is_known = true;
    for (field, mark) in redacted.fields.iter().zip(&redacted.marks) {
        let serde = Serde::read(&field.attrs);
        if serde.skipped() {
            continue;
        }
        if let Some(mark) = *mark {
            let key = match &field.ident {
                Some(ident) => {
                    serde.rename.clone().unwrap_or_else(|| rule.field(&ident.unraw().to_string()))
                }
                None => index.to_string(),
            };
            if serde.flatten {
                errors.on(mark.span, flattened(mark));
            } else if field.ident.is_none() && !index_is_known {
                errors.on(
                    mark.span,
                    "the position of this field depends on an earlier one that \
                     `skip_serializing_if` may leave out: give the fields names",
                );
            } else {
                let pointer = format!("{base}{}", segment(&key));
                redactions.push(mark.at(pointer, serde.may_be_skipped()));
            }
        }
        index += 1;
        index_is_known &= !serde.may_be_skipped();
    }
    redactions
}

fn flattened(mark: Mark) -> String {
    let option = mark.option;
    let fix = match option {
        "redact" => "remove `flatten`, or write the fields to redact in the event itself",
        _ => "remove `flatten`",
    };
    format!(
        "`{option}` cannot be combined with `#[serde(flatten)]`, because serde writes the field's content \
         among the event's other fields: {fix}"
    )
}

fn is_newtype(fields: &Fields) -> bool {
    matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1)
}

/// One step of a JSON pointer.
fn segment(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}
