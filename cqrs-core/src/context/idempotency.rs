//! The key by which a request that is sent again is recognized.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A validated idempotency key: 1 to 255 visible ASCII characters. The client makes one for each request, such as a uuid,
/// and sends it again with the request if it did not get the answer.
///
/// ```
/// use cqrs_core::context::IdempotencyKey;
///
/// let key = IdempotencyKey::new("8e03978e-40d5-43dd-bc93-6894a57f9324")?;
/// assert_eq!(key.as_str(), "8e03978e-40d5-43dd-bc93-6894a57f9324");
/// assert!(IdempotencyKey::new("with a space").is_err());
/// # Ok::<(), cqrs_core::context::InvalidIdempotencyKey>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// The longest key, in bytes.
    pub const MAX_LENGTH: usize = 255;

    /// Validates `key`.
    ///
    /// # Errors
    ///
    /// [`InvalidIdempotencyKey`] says which rule `key` breaks.
    pub fn new(key: impl AsRef<str>) -> Result<Self, InvalidIdempotencyKey> {
        let key = key.as_ref();
        if key.is_empty() {
            Err(InvalidIdempotencyKey("is empty"))
        } else if key.len() > Self::MAX_LENGTH {
            Err(InvalidIdempotencyKey("is longer than 255 characters"))
        } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(InvalidIdempotencyKey("has characters that are not visible ASCII"))
        } else {
            Ok(Self(key.into()))
        }
    }

    /// The key as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        Self::new(key)
    }
}

/// An idempotency key was refused. The text does not repeat the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the idempotency key {0}: send 1 to 255 visible ASCII characters, such as a uuid")]
pub struct InvalidIdempotencyKey(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_within_its_limit() {
        let longest = "k".repeat(IdempotencyKey::MAX_LENGTH);
        for key in ["a", "\"8e03978e\"", "!~", &longest] {
            assert_eq!(IdempotencyKey::new(key).map(|key| key.to_string()), Ok(key.to_owned()));
        }
        for key in ["", " ", "a b", "a\tb", "ä", "a\u{7f}", &format!("{longest}k")] {
            assert!(key.parse::<IdempotencyKey>().is_err(), "{key}");
        }
    }
}
