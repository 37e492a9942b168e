//! The signature of a delivery: an HMAC-SHA256 of the body, as GitHub
//! [describes it](https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries).

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::failure::Failure;

/// What a hook and GitHub share, and nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a delivery is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    /// There is none.
    #[error("the header `X-Hub-Signature-256` is missing; set the hook's secret at GitHub")]
    Missing,
    /// It is none.
    #[error("the header `X-Hub-Signature-256` is not `sha256=` and 64 hexadecimal digits")]
    Malformed,
    /// It is another body's, or made with another secret.
    #[error("the signature does not match; compare the hook's secret here and at GitHub")]
    Wrong,
}

impl Secret {
    /// 256 random bits.
    pub(super) fn new() -> Result<Self, Failure> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Failure::Internal(error.to_string()))?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(secret)))
    }

    /// As it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// To store it, and to show it once.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether who sent `body` knows the secret. Takes the same time wherever the signature is wrong.
    ///
    /// # Errors
    ///
    /// [`SignatureError`] when they do not, or do not show it.
    pub(super) fn verify(
        &self,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<(), SignatureError> {
        let signature = signature.ok_or(SignatureError::Missing)?;
        let digits = signature.strip_prefix("sha256=").ok_or(SignatureError::Malformed)?;
        let signature = digest(digits).ok_or(SignatureError::Malformed)?;
        let mac = self.mac(body).ok_or(SignatureError::Wrong)?;
        mac.verify_slice(&signature).map_err(|_| SignatureError::Wrong)
    }

    /// What GitHub sends with `body`.
    pub(crate) fn sign(&self, body: &[u8]) -> Option<String> {
        let digest = self.mac(body)?.finalize().into_bytes();
        Some(format!("sha256={}", hex::encode(digest)))
    }

    fn mac(&self, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).ok()?;
        mac.update(body);
        Some(mac)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// 64 hexadecimal digits.
fn digest(digits: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(digits, &mut digest).ok()?;
    Some(digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From GitHub's documentation.
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str =
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secret() -> Secret {
        Secret::stored("It's a Secret to Everybody".to_owned())
    }

    #[test]
    fn the_documented_example_is_believed() {
        assert_eq!(secret().verify(Some(SIGNATURE), BODY), Ok(()));
        assert_eq!(secret().sign(BODY).as_deref(), Some(SIGNATURE));
        let upper = SIGNATURE.replace("757107ea", "757107EA");
        assert_eq!(secret().verify(Some(&upper), BODY), Ok(()));
    }

    #[test]
    fn whatever_else_is_not() {
        let verify = |signature| secret().verify(signature, BODY);
        assert_eq!(verify(None), Err(SignatureError::Missing));
        let digits = SIGNATURE.strip_prefix("sha256=").expect("it has one");
        for malformed in ["", "sha256=", digits, &SIGNATURE[..70], "sha1=757107ea", "sha256=é"] {
            assert_eq!(verify(Some(malformed)), Err(SignatureError::Malformed), "{malformed}");
        }
        let plus = SIGNATURE.replace("=75", "=+5");
        assert_eq!(verify(Some(&plus)), Err(SignatureError::Malformed));

        let other = Secret::stored("It's a secret to everybody".to_owned());
        assert_eq!(other.verify(Some(SIGNATURE), BODY), Err(SignatureError::Wrong));
        let wrong = SIGNATURE.replace("3e17", "3e18");
        assert_eq!(verify(Some(&wrong)), Err(SignatureError::Wrong));
    }

    #[test]
    fn a_secret_is_new_each_time_and_not_shown() {
        let (one, other) = (Secret::new().expect("random"), Secret::new().expect("random"));
        assert_ne!(one.reveal(), other.reveal());
        assert!(!format!("{one:?}").contains(one.reveal()));
    }

    proptest! {
        #[test]
        fn no_other_body_has_the_signature(body in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assume!(body != BODY);
            prop_assert_eq!(secret().verify(Some(SIGNATURE), &body), Err(SignatureError::Wrong));
        }

        #[test]
        fn any_header_is_looked_at_without_a_panic(header in ".{0,80}") {
            prop_assert!(secret().verify(Some(&header), BODY).is_err());
        }
    }
}
