//! Keyed hashes in the place of redacted values: equal values can be recognised, but not read.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret behind `#[event(redact = hash)]`: equal values of one tenant have equal hashes. Without the
/// key, hashes cannot be computed, so values cannot be guessed.
///
/// Hashes are `hmac:` and the first 16 bytes, in base64url, of HMAC-SHA256
/// ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)) with a key of the tenant, which is the
/// HMAC-SHA256 of the tenant's identifier with this key. So hashes of two tenants cannot be compared.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactionKey([u8; 32]);

impl RedactionKey {
    /// A key of 32 random bytes, such as from a secret store.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The key that is derived from this secret, which may have any length. It must be hard to guess.
    pub fn derived_from(secret: impl AsRef<[u8]>) -> Self {
        Self(hmac(b"cqrs-activity-log redaction key", secret.as_ref()))
    }

    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text that replaces `value` in the log of the tenant with this column.
    pub(crate) fn hash(&self, tenant: &str, value: &serde_json::Value) -> String {
        let key = hmac(&self.0, tenant.as_bytes());
        // A text is hashed without quotes, so that the hash of, say, an address can be computed and looked up.
        let hash = match value {
            serde_json::Value::String(text) => hmac(&key, text.as_bytes()),
            other => hmac(&key, other.to_string().as_bytes()),
        };
        format!("hmac:{}", URL_SAFE_NO_PAD.encode(&hash[..16]))
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length");
    };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for RedactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedactionKey(..)")
    }
}
