//! The media type of a blob.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A media type that is safe in a header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct MediaType(String);

impl MediaType {
    /// The longest media type, in bytes.
    const MAX_LENGTH: usize = 127;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MediaType {
    type Error = InvalidMediaType;

    fn try_from(text: String) -> Result<Self, InvalidMediaType> {
        let is_token = |part: &str| {
            let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
            !part.is_empty() && part.bytes().all(is_allowed)
        };
        let (essence, parameters) = text.split_once(';').unwrap_or((&text, ""));
        let essence = essence.trim_end().split_once('/');
        let is_type = essence.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
        let is_printable = parameters.bytes().all(|b| matches!(b, b' '..=b'~'));
        if text.len() > Self::MAX_LENGTH || !is_type || !is_printable {
            return Err(InvalidMediaType);
        }
        Ok(Self(text))
    }
}

impl FromStr for MediaType {
    type Err = InvalidMediaType;

    fn from_str(text: &str) -> Result<Self, InvalidMediaType> {
        text.to_owned().try_into()
    }
}

/// A text that is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a media type: expected one like `application/pdf`, at most 127 bytes of ASCII")]
pub struct InvalidMediaType;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_checked() {
        for good in ["text/plain", "text/plain; charset=utf-8", "application/vnd.api+json"] {
            assert_eq!(good.parse::<MediaType>().expect(good).as_str(), good);
        }
        let long = format!("text/{}", "x".repeat(MediaType::MAX_LENGTH));
        for bad in ["", "pdf", "/", "text/", "te xt/plain", "text/plain;\n", "täxt/plain", &long] {
            assert_eq!(bad.parse::<MediaType>(), Err(InvalidMediaType), "{bad}");
        }
    }
}
