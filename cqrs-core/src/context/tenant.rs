//! The tenant a message belongs to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A validated tenant identifier: 1 to 64 ASCII letters, digits, `-`, `_` or `.`, beginning and
/// ending with a letter or a digit.
///
/// Identifiers are compared byte by byte. The narrow alphabet keeps them safe in log lines, file names, SQL
/// and broker subjects.
///
/// ```
/// use cqrs_core::TenantId;
///
/// let tenant = TenantId::new("acme")?;
/// assert_eq!(tenant.as_str(), "acme");
/// assert!(TenantId::new("acme; drop table").is_err());
/// # Ok::<(), cqrs_core::InvalidTenant>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The longest identifier, in bytes.
    pub const MAX_LENGTH: usize = 64;

    /// Validates `id`.
    ///
    /// # Errors
    ///
    /// [`InvalidTenant`] says which rule `id` breaks.
    pub fn new(id: impl AsRef<str>) -> Result<Self, InvalidTenant> {
        let id = id.as_ref();
        // Enough to recognise it, never a megabyte in a log line.
        let excerpt = || id.chars().take(Self::MAX_LENGTH).collect();
        validate(id).map_err(|reason| InvalidTenant { id: excerpt(), reason })?;
        Ok(Self(id.into()))
    }

    /// The identifier as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn validate(id: &str) -> Result<(), &'static str> {
    let bytes = id.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return Err("it is empty");
    };
    if bytes.len() > TenantId::MAX_LENGTH {
        return Err("it is longer than 64 bytes");
    }
    if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err("only ASCII letters, digits, `-`, `_` and `.` are allowed");
    }
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return Err("it must begin and end with a letter or a digit");
    }
    Ok(())
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenant;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::new(id)
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidTenant;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

/// A tenant identifier was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` is not a tenant identifier: {reason}", id = id.escape_debug())]
pub struct InvalidTenant {
    id: String,
    reason: &'static str,
}

/// Whom a message belongs to: one tenant, or, explicitly, the system itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantScope {
    /// Work on behalf of one tenant.
    Tenant(TenantId),
    /// Work of the product itself, across tenants: migrations, billing runs, clean-ups.
    System,
}

impl TenantScope {
    /// The tenant, or `None` in the system scope.
    pub fn id(&self) -> Option<&TenantId> {
        match self {
            Self::Tenant(id) => Some(id),
            Self::System => None,
        }
    }

    /// Whether this is the system scope.
    pub fn is_system(&self) -> bool {
        matches!(self, Self::System)
    }
}

impl fmt::Display for TenantScope {
    /// The tenant's identifier, or `(system)`, which is not a valid identifier.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id().map_or("(system)", TenantId::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_identifiers_that_are_safe_everywhere() {
        for id in
            ["a", "acme", "Acme-2", "acme.example.com", "0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f"]
        {
            assert_eq!(TenantId::new(id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn says_which_rule_an_identifier_breaks() {
        let cases = [
            ("", "it is empty"),
            ("-acme", "begin and end"),
            ("acme.", "begin and end"),
            ("ac me", "only ASCII"),
            ("äcme", "only ASCII"),
            ("acme\n", "only ASCII"),
        ];
        for (id, rule) in cases {
            let error = TenantId::new(id).unwrap_err().to_string();
            assert!(error.contains(rule), "{id:?} gave {error:?}");
            assert!(!error.contains('\n'), "an identifier must not break a log line: {error:?}");
        }
        let long = "x".repeat(1_000_000);
        let error = TenantId::new(&long).unwrap_err().to_string();
        assert!(error.contains("longer than 64") && error.len() < 200, "{error}");
    }

    #[test]
    fn a_tenant_is_validated_when_it_is_read_back() {
        let read = serde_json::from_str::<TenantScope>(r#"{"tenant":"a b"}"#);
        assert!(read.unwrap_err().to_string().contains("not a tenant identifier"));
        assert!(serde_json::from_str::<TenantScope>("\"system\"").unwrap().is_system());
    }
}
