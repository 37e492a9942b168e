//! The list of options in an annotation: `name = "..", version = 2, redact`.

use proc_macro2::{Ident, TokenTree};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Meta, Token};

use crate::error::Errors;
use crate::suggest;

/// Reads the options of every `#[name(..)]` among `attrs`; `read` is called after each option's
/// key. After a mistake, reading continues with the next option, so that each mistake is reported.
/// `if_empty` is reported if there are no options.
pub(crate) fn read_all(
    attrs: &[Attribute],
    name: &str,
    if_empty: &str,
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(name)) {
        match &attr.meta {
            Meta::List(list) if !list.tokens.is_empty() => {
                let parsed = list.parse_args_with(|input: ParseStream<'_>| {
                    read_list(input, errors, &mut read);
                    Ok(())
                });
                errors.keep(parsed);
            }
            meta => errors.on_tokens(meta, if_empty),
        }
    }
}

/// Reads options separated by commas until the end of `input`.
pub(crate) fn read_list(
    input: ParseStream<'_>,
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    separated(input, errors, |input, errors| {
        let key = input.call(Ident::parse_any)?;
        read(&key, input, errors)
    });
}

/// Reads elements separated by commas until the end of `input`.
pub(crate) fn separated(
    input: ParseStream<'_>,
    errors: &mut Errors,
    mut element: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    while !input.is_empty() {
        if let Err(error) = element(input, errors) {
            errors.add(error);
            skip_to_comma(input);
        } else if !input.is_empty() && !input.peek(Token![,]) {
            errors.on(input.span(), "expected `,`");
            skip_to_comma(input);
        }
        let _ = input.parse::<Option<Token![,]>>();
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}

/// Sets the value of an option that may be given once.
pub(crate) fn set<T>(slot: &mut Option<T>, key: &Ident, value: T) -> syn::Result<()> {
    if slot.is_some() {
        return Err(syn::Error::new(key.span(), format!("`{key}` is given twice: keep one")));
    }
    *slot = Some(value);
    Ok(())
}

/// Whether `key` is one of `options`.
pub(crate) fn contain(options: &[&str], key: &Ident) -> bool {
    options.iter().any(|option| key == option)
}

/// The error for an unknown option.
pub(crate) fn unknown(key: &Ident, place: &str, known: &[&str]) -> syn::Error {
    let hint = suggest::closest(&key.to_string(), known)
        .map(|name| format!(", did you mean `{name}`?"))
        .unwrap_or_default();
    syn::Error::new(
        key.span(),
        format!("unknown option `{key}`{hint} ({place} takes {})", suggest::list(known)),
    )
}
