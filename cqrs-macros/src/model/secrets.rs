//! What is redacted in a struct or a variant: the marked fields, and their changes.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Fields, Member};

use crate::attr::event::RedactionKind;
use crate::error::Errors;
use crate::model::fields::{Marked, Secret};
use crate::model::redaction::{Mark, Marks, Redaction};

/// The redactions; `place` finds the JSON pointers of marked fields.
pub(crate) fn redactions(
    marked: &Marked<'_>,
    secrets: &[Secret],
    place: impl Fn(&Marks<'_>, &mut Errors) -> Vec<Redaction>,
    errors: &mut Errors,
) -> Vec<Redaction> {
    let before = errors.len();
    let mut redactions = place(&marked.redacted(), errors);
    let Some(changes) = marked.changes.filter(|_| errors.len() == before) else {
        return redactions;
    };
    let options = &marked.options[changes];
    let span = options.changes.unwrap_or_else(Span::call_site);
    let secrets = match options.redact {
        // The field itself is redacted, so all of its changes are.
        Some(redact) => vec![Secret { name: String::new(), kind: redact.kind }],
        None => distinct(secrets),
    };
    let unnamed = matches!(marked.fields, Fields::Unnamed(_));
    if unnamed && options.redact.is_none() && marked.redacted().first().is_some() {
        errors.on(
            span,
            "the changes of a redacted field are found by its name: give the event's fields names",
        );
    }
    if !secrets.is_empty() {
        let place = at(marked, changes, span, place, errors);
        redactions.extend(secrets.into_iter().map(|secret| Redaction {
            kind: secret.kind,
            changes_of: Some(secret.name),
            ..place.clone()
        }));
    }
    redactions
}

/// The JSON pointer of the changes.
fn at(
    marked: &Marked<'_>,
    changes: usize,
    span: Span,
    place: impl Fn(&Marks<'_>, &mut Errors) -> Vec<Redaction>,
    errors: &mut Errors,
) -> Redaction {
    let mark = Mark { span, option: "changes", kind: RedactionKind::Mask };
    let mut marks = vec![None; marked.options.len()];
    marks[changes] = Some(mark);
    let found = place(&Marks { fields: marked.fields, marks }, errors).pop();
    // The changes are not in the JSON form, but `Event::changes` returns them.
    found.unwrap_or_else(|| {
        let name = match marked.field(changes).member {
            Member::Named(ident) => ident.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        };
        mark.at(format!("/{name}"), true)
    })
}

/// Each name once. To the core, `home_address` and `homeAddress` are one name.
fn distinct(secrets: &[Secret]) -> Vec<Secret> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let mut distinct: Vec<Secret> = Vec::new();
    for secret in secrets {
        if !distinct.iter().any(|known| plain(&known.name) == plain(&secret.name)) {
            distinct.push(secret.clone());
        }
    }
    distinct
}
