//! The rules for names and items that several annotations share.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{GenericParam, Generics};

use crate::error::Errors;

const LONGEST_NAME: usize = 128;

/// The name of an event, a command or a query. It is stored and sent, so it has one case, and needs no escapes
/// in a subject or a URL.
pub(crate) fn message_name(name: &str, span: Span, errors: &mut Errors) {
    let segment = |segment: &str| {
        segment.starts_with(|first: char| first.is_ascii_lowercase())
            && segment.chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | '-' | '_'))
    };
    if !name.split('.').all(segment) {
        errors.on(
            span,
            format!(
                "\"{name}\" cannot be a message's name: write words of lower-case ASCII letters, \
                 digits, `-` and `_`, each starting with a letter and joined by dots, such as \
                 `name = \"employee.created\"`"
            ),
        );
    } else if name.len() > LONGEST_NAME {
        too_long("name", name, span, errors);
    }
}

/// The name of a handler, under which its deliveries and checkpoints are kept.
pub(crate) fn handler_name(name: &str, span: Span, errors: &mut Errors) {
    let starts = name.starts_with(|first: char| matches!(first, 'a'..='z' | '0'..='9'));
    let rest = name.chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | '.' | '_' | '-'));
    if !starts || !rest {
        errors.on(
            span,
            format!(
                "\"{name}\" cannot be a handler's name: write lower-case ASCII letters, digits, \
                 `.`, `_` and `-`, starting with a letter or a digit, such as \
                 `name = \"send-welcome-email\"`"
            ),
        );
    } else if name.len() > LONGEST_NAME {
        too_long("name", name, span, errors);
    }
}

/// A text for people, such as an entity's name.
pub(crate) fn label(option: &str, text: &str, span: Span, errors: &mut Errors) {
    if text.trim().is_empty() {
        errors.on(span, format!("`{option}` is empty: write a text or leave the option out"));
    } else if text.len() > LONGEST_NAME {
        too_long(option, text, span, errors);
    }
}

/// The error for a borrow.
pub(crate) const OWNS_ITS_DATA: &str = "this value outlives the code that creates it, so it must own its data: write `String` instead \
     of `&str`, or share the data with an `Arc`";

/// Refuses type, lifetime and const parameters; says whether there were none.
pub(crate) fn not_generic(generics: &Generics, why: &str, errors: &mut Errors) -> bool {
    if generics.params.is_empty() {
        return true;
    }
    let only_lifetimes =
        generics.params.iter().all(|param| matches!(param, GenericParam::Lifetime(_)));
    let why = if only_lifetimes { OWNS_ITS_DATA } else { why };
    errors.on_tokens(generics.params.to_token_stream(), why);
    false
}

fn too_long(option: &str, text: &str, span: Span, errors: &mut Errors) {
    errors.on(
        span,
        format!("`{option}` has {} bytes, at most {LONGEST_NAME} are allowed", text.len()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(check: fn(&str, Span, &mut Errors), name: &str) -> bool {
        let mut errors = Errors::new();
        check(name, Span::call_site(), &mut errors);
        errors.len() == 0
    }

    #[test]
    fn message_names_are_dotted_lower_case_words() {
        for name in ["employee.created", "a", "time-log.created_v2", "a1.b2"] {
            assert!(accepted(message_name, name), "{name}");
        }
        for name in
            ["", ".", "a.", ".a", "a..b", "Employee.created", "1a", "a.1", "-a", "a b", "größe"]
        {
            assert!(!accepted(message_name, name), "{name}");
        }
        assert!(accepted(message_name, &"a".repeat(128)));
        assert!(!accepted(message_name, &"a".repeat(129)));
    }

    #[test]
    fn handler_names_may_start_with_a_digit_and_contain_dots() {
        for name in ["send-welcome-email", "2fa", "hr.notify_managers"] {
            assert!(accepted(handler_name, name), "{name}");
        }
        for name in ["", "-a", ".a", "Send", "a/b", "a b"] {
            assert!(!accepted(handler_name, name), "{name}");
        }
        assert!(!accepted(handler_name, &"a".repeat(129)));
    }

    #[test]
    fn labels_are_neither_empty_nor_endless() {
        let entity =
            |text: &str, span: Span, errors: &mut Errors| label("entity", text, span, errors);
        assert!(accepted(entity, "Time log"));
        assert!(!accepted(entity, " "));
        assert!(!accepted(entity, &"a".repeat(129)));
    }
}
