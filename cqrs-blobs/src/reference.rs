//! The reference to a blob, which a message carries.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::media_type::MediaType;
use crate::{BlobError, InvalidMediaType};

/// What a message carries in place of a blob: its id, size, content hash and media type.
///
/// It does not name the tenant. A blob is found by the tenant of the context, so that another tenant cannot
/// use the reference. As JSON it has about 150 bytes:
///
/// ```
/// use cqrs_blobs::{BlobRef, BlobStore};
/// use cqrs_core::Context;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ctx = Context::for_tenant("acme")?;
/// let invoice = BlobStore::memory().put(&ctx, "%PDF").await?.with_media_type("application/pdf")?;
/// let json = serde_json::to_value(&invoice)?;
/// assert_eq!(json["size"], 4);
/// assert_eq!(json["media_type"], "application/pdf");
/// assert!(json["sha256"].as_str().is_some_and(|hash| hash.starts_with("315d429b")));
/// assert_eq!(serde_json::from_value::<BlobRef>(json)?, invoice);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    pub(crate) id: Uuid,
    size: u64,
    #[serde(with = "hex")]
    sha256: [u8; 32],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<MediaType>,
}

impl BlobRef {
    /// A reference with a new id.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let sha256 = Sha256::digest(bytes).into();
        Self { id: Uuid::now_v7(), size: bytes.len() as u64, sha256, media_type: None }
    }

    /// Sets the media type, such as `application/pdf` (RFC 9110, section 8.3.1).
    ///
    /// # Errors
    ///
    /// [`InvalidMediaType`] if the text does not have the form of a media type.
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
        hex::encode(self.sha256)
    }

    /// The media type, if one was set.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_ref().map(MediaType::as_str)
    }

    /// Compares a content with the content hash.
    pub(crate) fn verify(&self, bytes: &[u8]) -> Result<(), BlobError> {
        if Sha256::digest(bytes)[..] == self.sha256 {
            return Ok(());
        }
        Err(self.corrupt(format!("its SHA-256 is not {}", self.sha256())))
    }

    pub(crate) fn verify_size(&self, size: u64) -> Result<(), BlobError> {
        if size == self.size {
            return Ok(());
        }
        Err(self.corrupt(format!("it has {size} bytes instead of {}", self.size)))
    }

    fn corrupt(&self, reason: String) -> BlobError {
        BlobError::Corrupt { id: self.id, reason }
    }
}

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
}
