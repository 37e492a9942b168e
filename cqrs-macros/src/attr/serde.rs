//! The attributes of serde that decide about the JSON form. serde itself reports mistakes in them.

use proc_macro2::{Ident, Span, TokenTree};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, LitStr, Token, token};

use crate::attr::options;
use crate::error::Errors;

/// The options of one type, variant or field that decide about JSON pointers.
#[derive(Default)]
pub(crate) struct Serde {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<String>,
    pub(crate) rename_all_fields: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) untagged: bool,
    pub(crate) transparent: bool,
    skip: Option<Skip>,
    pub(crate) flatten: bool,
    pub(crate) into: Option<Span>,
    pub(crate) remote: Option<Span>,
    pub(crate) with: Option<Span>,
}

/// When a value is left out of JSON.
#[derive(PartialEq, Eq)]
enum Skip {
    Always,
    Sometimes,
}

impl Serde {
    pub(crate) fn skipped(&self) -> bool {
        self.skip == Some(Skip::Always)
    }

    pub(crate) fn may_be_skipped(&self) -> bool {
        self.skip == Some(Skip::Sometimes)
    }

    pub(crate) fn read(attrs: &[Attribute]) -> Self {
        let mut found = Self::default();
        let mut ignored = Errors::new();
        options::read_all(attrs, "serde", "..", &mut ignored, |key, input, _| {
            found.option(key, input)
        });
        found
    }

    fn option(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "rename" => self.rename = serialized_name(input)?.or(self.rename.take()),
            "rename_all" => self.rename_all = serialized_name(input)?.or(self.rename_all.take()),
            "rename_all_fields" => {
                self.rename_all_fields = serialized_name(input)?.or(self.rename_all_fields.take());
            }
            "tag" => self.tag = text(input)?,
            "content" => self.content = text(input)?,
            "untagged" => self.untagged = true,
            "transparent" => self.transparent = true,
            "skip" | "skip_serializing" => self.skip = Some(Skip::Always),
            "flatten" => self.flatten = true,
            "skip_serializing_if" => {
                text(input)?;
                self.skip.get_or_insert(Skip::Sometimes);
            }
            "into" => self.into = text(input)?.map(|_| key.span()),
            "remote" => self.remote = text(input)?.map(|_| key.span()),
            "with" | "serialize_with" => self.with = text(input)?.map(|_| key.span()),
            _ => skip_value(input)?,
        }
        Ok(())
    }
}

/// Reads `= "name"` or `(serialize = "name", deserialize = "other")`.
fn serialized_name(input: ParseStream<'_>) -> syn::Result<Option<String>> {
    if !input.peek(token::Paren) {
        return text(input);
    }
    let content;
    syn::parenthesized!(content in input);
    let mut name = None;
    while !content.is_empty() {
        let key = content.call(Ident::parse_any)?;
        let value = text(&content)?;
        if key == "serialize" {
            name = value;
        }
        content.parse::<Option<Token![,]>>()?;
    }
    Ok(name)
}

/// Reads `= "text"`.
fn text(input: ParseStream<'_>) -> syn::Result<Option<String>> {
    input.parse::<Token![=]>()?;
    Ok(Some(input.parse::<LitStr>()?.value()))
}

fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn names_for_serializing_are_read_in_both_forms() {
        let attrs: [Attribute; 2] = [
            parse_quote!(#[serde(rename(deserialize = "in", serialize = "out"), default)]),
            parse_quote!(#[serde(rename_all = "camelCase", skip_serializing_if = "Option::is_none")]),
        ];
        let found = Serde::read(&attrs);
        assert_eq!(found.rename.as_deref(), Some("out"));
        assert_eq!(found.rename_all.as_deref(), Some("camelCase"));
        assert!(found.may_be_skipped());
    }

    #[test]
    fn a_name_for_deserializing_alone_changes_nothing() {
        let attrs = [parse_quote!(#[serde(rename(deserialize = "in"), alias = "x", bound = "")])];
        assert!(Serde::read(&attrs).rename.is_none());
    }

    #[test]
    fn mistakes_are_left_to_serde() {
        let attrs =
            [parse_quote!(#[serde(rename, nonsense(1, 2), tag = "kind")]), parse_quote!(#[serde])];
        assert_eq!(Serde::read(&attrs).tag.as_deref(), Some("kind"));
    }
}
