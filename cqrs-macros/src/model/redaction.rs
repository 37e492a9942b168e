//! Where redacted fields stand in the event's JSON form.
//!
//! The form is what serde's derive makes of the type, so this follows `serde_derive`. A pointer
//! that turns out wrong (a `Serialize` written by hand, say) does no harm: the core masks the
//! whole payload when a pointer does not resolve, unless the field is allowed to be absent.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Field, Fields, Variant};

use crate::attr::serde::Serde;
use crate::error::Errors;
use crate::model::rename::Rule;

/// A JSON pointer (RFC 6901) to a value that must not be shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redaction {
    pub(crate) pointer: String,
    /// Whether the value may be absent.
    pub(crate) optional: bool,
}

/// The fields of a struct or a variant, with the place of `redact` on those that have it.
pub(crate) struct Redacted<'a> {
    pub(crate) fields: &'a Fields,
    pub(crate) marks: Vec<Option<Span>>,
}

impl Redacted<'_> {
    /// Where the first `redact` stands.
    pub(crate) fn first(&self) -> Option<Span> {
        self.marks.iter().flatten().next().copied()
    }
}

/// The redactions of a struct.
pub(crate) fn of_struct(
    redacted: &Redacted<'_>,
    serde: &Serde,
    errors: &mut Errors,
) -> Vec<Redaction> {
    let whole = || vec![Redaction { pointer: String::new(), optional: false }];
    let Some(_) = redacted.first() else {
        return Vec::new();
    };
    if serde.transparent {
        let shown = |(field, mark): (&Field, &Option<Span>)| {
            mark.is_some() && !Serde::read(&field.attrs).skipped()
        };
        let any = redacted.fields.iter().zip(&redacted.marks).any(shown);
        return if any { whole() } else { Vec::new() };
    }
    if is_newtype(redacted.fields) {
        // serde writes the only field of a newtype struct even if it is to be skipped.
        return whole();
    }
    of_fields(redacted, "", Rule::named(serde.rename_all.as_deref()), errors)
}

/// The redactions of one variant of an enum.
pub(crate) fn of_variant(
    variant: &Variant,
    redacted: &Redacted<'_>,
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
            first,
            "`redact` cannot look into a variant that `#[serde(with = ..)]` writes: put `with` on \
             the field instead",
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
                first,
                "`redact` cannot follow the only field of a variant in an enum with \
                 `#[serde(tag = ..)]`, because its content stands beside the tag: name the field, \
                 or add `content = \"..\"`",
            );
            return Vec::new();
        }
        (true, _, _) | (false, Some(_), None) => String::new(),
    };
    if newtype {
        let skipped = variant.fields.iter().any(|field| Serde::read(&field.attrs).skipped());
        let redaction = Redaction { pointer: base, optional: false };
        return if skipped { Vec::new() } else { vec![redaction] };
    }
    let rule = own.rename_all.as_deref().or(serde.rename_all_fields.as_deref());
    of_fields(redacted, &base, Rule::named(rule), errors)
}

/// The redactions of named fields, or of a tuple of any length but one.
fn of_fields(
    redacted: &Redacted<'_>,
    base: &str,
    rule: Rule,
    errors: &mut Errors,
) -> Vec<Redaction> {
    let mut redactions = Vec::new();
    let mut index = 0;
    let mut index_is_known = true;
    for (field, mark) in redacted.fields.iter().zip(&redacted.marks) {
        let serde = Serde::read(&field.attrs);
        if serde.skipped() {
            continue;
        }
        if let Some(span) = *mark {
            let key = match &field.ident {
                Some(ident) => {
                    serde.rename.clone().unwrap_or_else(|| rule.field(&ident.unraw().to_string()))
                }
                None => index.to_string(),
            };
            if serde.flatten {
                errors.on(
                    span,
                    "`redact` cannot be combined with `#[serde(flatten)]`, because the field's \
                     content stands among the event's other fields: remove `flatten`, or write \
                     the fields to redact in the event itself",
                );
            } else if field.ident.is_none() && !index_is_known {
                errors.on(
                    span,
                    "the position of this field depends on an earlier one that \
                     `skip_serializing_if` may leave out: give the fields names",
                );
            } else {
                let pointer = format!("{base}{}", segment(&key));
                redactions.push(Redaction { pointer, optional: serde.may_be_skipped() });
            }
        }
        index += 1;
        index_is_known &= !serde.may_be_skipped();
    }
    redactions
}

fn is_newtype(fields: &Fields) -> bool {
    matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1)
}

/// One step of a JSON pointer.
fn segment(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}
