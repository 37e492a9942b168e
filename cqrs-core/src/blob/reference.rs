//! What a message carries in place of a blob.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::BlobError;
use crate::context::message_id;

/// The longest media type, in bytes.
const MAX_MEDIA_TYPE: usize = 127;

/// What a message carries in place of a blob: its id, size, content hash and media type.
///
/// It says nothing of the tenant: the context does, so that a reference that comes into other hands is
/// worth nothing there. As JSON it has about 150 bytes:
///
/// ```
/// use cqrs_core::BlobRef;
///
/// let invoice = BlobRef::of(b"%PDF").with_media_type("application/pdf")?;
/// let json = serde_json::to_value(&invoice)?;
/// assert_eq!(json["size"], 4);
/// assert_eq!(json["media_type"], "application/pdf");
/// assert!(json["sha256"].as_str().is_some_and(|hash| hash.starts_with("315d429b")));
/// assert_eq!(serde_json::from_value::<BlobRef>(json)?, invoice);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    id: Uuid,
    size: u64,
    sha256: ContentHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<MediaType>,
}

impl BlobRef {
    /// A reference with a new id. For those who write a [`BlobStore`](super::BlobStore); stores return
    /// what they have kept.
    pub fn of(bytes: &[u8]) -> Self {
        let (size, sha256) = (bytes.len() as u64, ContentHash::of(bytes));
        Self { id: message_id::new(), size, sha256, media_type: None }
    }

    /// Says what kind of data it is, such as `application/pdf` (RFC 9110, section 8.3.1).
    ///
    /// # Errors
    ///
    /// [`InvalidMediaType`] when it does not look like one.
    pub fn with_media_type(mut self, media_type: &str) -> Result<Self, InvalidMediaType> {
        self.media_type = Some(media_type.parse()?);
        Ok(self)
    }

    /// The blob's identifier, a uuid and nothing else, so that it is safe as a file name.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The blob's size, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The content's SHA-256, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        self.sha256.to_string()
    }

    /// What kind of data it is, where the one who put it said so.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_ref().map(|media_type| media_type.0.as_str())
    }

    /// Compares `bytes` with size and content hash.
    ///
    /// # Errors
    ///
    /// [`BlobError::Corrupt`] when they differ.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), BlobError> {
        self.verify_size(bytes.len() as u64)?;
        if ContentHash::of(bytes) != self.sha256 {
            let reason = format!("its SHA-256 is not {}", self.sha256);
            return Err(BlobError::Corrupt { id: self.id, reason });
        }
        Ok(())
    }

    /// The part of [`verify`](Self::verify) that needs no content.
    pub(super) fn verify_size(&self, size: u64) -> Result<(), BlobError> {
        if size != self.size {
            let reason = format!("it has {size} bytes instead of {}", self.size);
            return Err(BlobError::Corrupt { id: self.id, reason });
        }
        Ok(())
    }
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct ContentHash([u8; 32]);

impl ContentHash {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = InvalidHash;

    fn try_from(text: String) -> Result<Self, InvalidHash> {
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: Option<Vec<u8>> = text.bytes().map(digit).collect();
        let (pairs, rest) = digits.as_deref().ok_or(InvalidHash)?.as_chunks::<2>();
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| (high << 4) | low).collect();
        match (bytes.try_into(), rest) {
            (Ok(hash), []) => Ok(Self(hash)),
            _ => Err(InvalidHash),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not a SHA-256: expected 64 hexadecimal digits")]
struct InvalidHash;

/// A media type that is safe in a header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct MediaType(String);

impl FromStr for MediaType {
    type Err = InvalidMediaType;

    fn from_str(text: &str) -> Result<Self, InvalidMediaType> {
        let is_token = |part: &str| {
            let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
            !part.is_empty() && part.bytes().all(is_allowed)
        };
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let is_type = essence
            .trim_end()
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
        let is_printable = parameters.bytes().all(|b| matches!(b, b' '..=b'~'));
        if text.len() > MAX_MEDIA_TYPE || !is_type || !is_printable {
            return Err(InvalidMediaType);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for MediaType {
    type Error = InvalidMediaType;

    fn try_from(text: String) -> Result<Self, InvalidMediaType> {
        text.parse()
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.0
    }
}

/// A text is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a media type: expected one like `application/pdf`, at most 127 bytes of ASCII")]
pub struct InvalidMediaType;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_that_was_tampered_with_is_refused_when_it_is_read() {
        let good = serde_json::to_value(BlobRef::of(b"x")).expect("JSON");
        let hash = good["sha256"].as_str().expect("text").to_owned();
        let bad = [
            ("id", json!("../../etc/passwd")),
            ("id", json!("")),
            ("size", json!(-1)),
            ("size", json!("1")),
            ("sha256", json!(hash[1..])),
            ("sha256", json!(format!("{hash}00"))),
            ("sha256", json!(hash.replace(|c: char| c.is_ascii_digit(), "g"))),
            ("sha256", json!("ä".repeat(32))),
            ("media_type", json!("text/html\r\nset-cookie: a=b")),
        ];
        for (field, value) in bad {
            let mut tampered = good.clone();
            tampered[field] = value;
            let read = serde_json::from_value::<BlobRef>(tampered.clone());
            assert!(read.is_err(), "{tampered} became {read:?}");
        }
    }

    #[test]
    fn every_change_of_the_content_is_noticed() {
        let reference = BlobRef::of(b"content");
        reference.verify(b"content").expect("unchanged");
        for changed in [&b"contenT"[..], b"conten", b"content ", b""] {
            let error = reference.verify(changed).expect_err("changed");
            assert!(matches!(error, BlobError::Corrupt { id, .. } if id == reference.id()));
        }
    }

    #[test]
    fn media_types_are_checked() {
        for good in ["text/plain", "text/plain; charset=utf-8", "application/vnd.api+json"] {
            let reference = BlobRef::of(b"").with_media_type(good).expect(good);
            assert_eq!(reference.media_type(), Some(good));
        }
        let long = format!("text/{}", "x".repeat(MAX_MEDIA_TYPE));
        for bad in ["", "pdf", "/", "text/", "te xt/plain", "text/plain;\n", "täxt/plain", &long] {
            assert_eq!(BlobRef::of(b"").with_media_type(bad), Err(InvalidMediaType), "{bad}");
        }
    }
}
