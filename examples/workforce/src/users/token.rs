//! Secrets that are handed out: session and invite tokens.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cqrs_core::TenantId;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// A tenant and 256 random bits, written `acme.Zm9v..`. The tenant is there so that even the statement
/// that looks a token up filters by it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    tenant: TenantId,
    secret: String,
}

impl Token {
    pub(super) fn new(tenant: &TenantId) -> Result<Self, Failure> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Failure::Internal(error.to_string()))?;
        let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
        Ok(Self { tenant: tenant.clone(), secret })
    }

    /// Reads what was handed out; `None` if it cannot have been.
    pub fn parse(text: &str) -> Option<Self> {
        let (tenant, secret) = text.rsplit_once('.')?;
        let tenant = TenantId::new(tenant).ok()?;
        (secret.len() == 43).then(|| Self { tenant, secret: secret.to_owned() })
    }

    /// Whose it says it is; true once its hash was found there.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// What is stored instead of it. It needs no salt, since nobody guesses 256 bits.
    pub(super) fn hash(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&self.secret))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.tenant, self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.[redacted])", self.tenant)
    }
}
