//! The grammar of a description: text, `{name}`, `{name|fallback}`, `{name:spec}`, `{{` and `}}`.

use std::iter::Peekable;
use std::str::Chars;

use syn::LitStr;

const LONGEST: usize = 512;

/// A part of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

/// `{name|fallback:spec}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Placeholder {
    pub(crate) name: String,
    /// The text for an absent value.
    pub(crate) fallback: Option<String>,
    /// How the value is formatted, with its colon, or empty.
    pub(crate) spec: String,
}

/// Reads a template; an error is on the whole literal.
pub(crate) fn parse(literal: &LitStr) -> syn::Result<Vec<Piece>> {
    let text = literal.value();
    let pieces = if text.trim().is_empty() {
        Err("`describe` is empty: write a text or leave the option out".to_owned())
    } else if text.len() > LONGEST {
        Err(format!("`describe` has {} bytes, at most {LONGEST} are allowed", text.len()))
    } else {
        pieces(&text)
    };
    pieces.map_err(|message| syn::Error::new(literal.span(), message))
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '{' | '}' if chars.next_if_eq(&char).is_some() => plain.push(char),
            '{' => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Placeholder(placeholder(&mut chars)?));
            }
            '}' => {
                return Err("a `}` has no `{`: write `}}` for the character itself".to_owned());
            }
            char => plain.push(char),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Reads up to the closing brace.
fn placeholder(chars: &mut Peekable<Chars<'_>>) -> Result<Placeholder, String> {
    let mut inside = String::new();
    loop {
        match chars.next() {
            Some('}') => break,
            None | Some('{') => {
                return Err(format!(
                    "`{{{inside}` is not closed: write `{{{}}}`, or `{{{{` for the character itself",
                    if inside.trim().is_empty() { ".." } else { inside.trim() }
                ));
            }
            Some(char) => inside.push(char),
        }
    }
    // A colon in a fallback looks like one before a format, so the last colon always starts the format.
    let (value, spec) =
        inside.rsplit_once(':').map_or((&*inside, None), |(value, spec)| (value, Some(spec)));
    let (name, fallback) =
        value.split_once('|').map_or((value, None), |(name, fallback)| (name, Some(fallback)));
    let name = name.trim();
    if name.is_empty() {
        return Err(format!(
            "`{{{inside}}}` names nothing: write a field's name, such as `{{full_name}}`"
        ));
    }
    if spec.is_some_and(|spec| spec.contains(['$', '*'])) {
        return Err(format!(
            "`{{{inside}}}` takes a width or precision from another value: write it as a number"
        ));
    }
    Ok(Placeholder {
        name: name.to_owned(),
        fallback: fallback.map(str::to_owned),
        spec: spec.map(|spec| format!(":{spec}")).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Piece>, String> {
        pieces(text)
    }

    fn value(name: &str, fallback: Option<&str>, spec: &str) -> Piece {
        Piece::Placeholder(Placeholder {
            name: name.into(),
            fallback: fallback.map(Into::into),
            spec: spec.into(),
        })
    }

    #[test]
    fn texts_and_placeholders() {
        assert_eq!(
            read("{{a}} {b}{0:>5} {c|no one}{d|:.2}").unwrap(),
            [
                Piece::Text("{a} ".into()),
                value("b", None, ""),
                value("0", None, ":>5"),
                Piece::Text(" ".into()),
                value("c", Some("no one"), ""),
                value("d", Some(""), ":.2"),
            ]
        );
    }

    #[test]
    fn braces_that_do_not_match() {
        assert_eq!(
            read("a {name").unwrap_err(),
            "`{name` is not closed: write `{name}`, or `{{` for the character itself"
        );
        assert_eq!(
            read("a {name {b}").unwrap_err(),
            "`{name ` is not closed: write `{name}`, or `{{` for the character itself"
        );
        assert_eq!(
            read("a {").unwrap_err(),
            "`{` is not closed: write `{..}`, or `{{` for the character itself"
        );
        assert_eq!(
            read("a } b").unwrap_err(),
            "a `}` has no `{`: write `}}` for the character itself"
        );
        assert!(read("{}").unwrap_err().starts_with("`{}` names nothing"));
        assert!(read("{a:1$}").unwrap_err().contains("write it as a number"));
    }
}
