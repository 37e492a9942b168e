//! What people read: an entry.

use std::fmt;
use std::str::FromStr;

use cqrs_core::{Actor, Changes, TenantId, TenantScope};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// One action, as it was recorded.
///
/// Serialises to one JSON object with these fields, in this order; the form is stable. The tenant is its
/// identifier, or `null` in the system scope; times are RFC 3339 in UTC; the hash is in hexadecimal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// The event's id, a uuid v7; an activity that was recorded by hand has a new one. Its time is
    /// `occurred_at`, so the order by id is the order by time.
    ///
    /// If the event's id is not a uuid v7, the entry's id is derived from it and has the time 1970, because
    /// the event does not say when it occurred.
    pub id: Uuid,
    /// The position in the tenant's chain, from 1: the order of recording.
    pub sequence: u64,
    /// The tenant that the entry belongs to.
    #[serde(serialize_with = "tenant")]
    pub tenant: TenantScope,
    /// The organization within the tenant.
    pub organization: Option<String>,
    /// Who acted, with the name at that time, and on whose behalf.
    pub actor: Option<Actor>,
    /// What was done, such as `created`; the event's name, if the event does not say more.
    pub action: String,
    /// The type of the entity, such as `Employee`; empty, if the event does not say it.
    pub entity_type: String,
    /// The id of the entity.
    pub entity_id: Option<String>,
    /// The name of the entity at that time.
    pub entity_name: Option<String>,
    /// What was done, in words, such as `created Employee Ada`.
    pub description: String,
    /// Which values changed.
    ///
    /// If the stored value cannot be read, because it was altered or another program wrote it, this is one
    /// change of the whole to a text that begins with `[unreadable: `. Other entries can still be read, and
    /// [`verify`](crate::ActivityLog::verify) finds out whether it was altered.
    pub changes: Option<Changes>,
    /// The event's payload, redacted, or the data of the activity. If the stored value cannot be read, a text
    /// that begins with `[unreadable: `, as for [`changes`](Self::changes).
    pub data: Option<Value>,
    /// The event's stable name; `None` for an activity that was recorded by hand.
    pub event_name: Option<String>,
    /// The version of the event's form.
    pub event_version: Option<u32>,
    /// Shared by everything that one request or job caused.
    pub correlation_id: Uuid,
    /// The message that caused it.
    pub causation_id: Option<Uuid>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was recorded: not before the previous entry of the tenant, unless that was recorded by a clock that was more
    /// than a minute ahead.
    pub recorded_at: Timestamp,
    /// Whether the action succeeded.
    pub outcome: Outcome,
    /// The entry's link in the chain.
    pub hash: EntryHash,
}

fn tenant<S: Serializer>(tenant: &TenantScope, serializer: S) -> Result<S::Ok, S::Error> {
    tenant.id().map(TenantId::as_str).serialize(serializer)
}

/// Whether the action succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    #[default]
    Succeeded,
    /// It was tried and failed.
    Failed,
    /// It was refused: the actor was not allowed to do it.
    Denied,
}

impl Outcome {
    /// The stored form: `succeeded`, `failed` or `denied`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not an [`Outcome`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an outcome is `succeeded`, `failed` or `denied`")]
pub struct InvalidOutcome;

impl FromStr for Outcome {
    type Err = InvalidOutcome;

    fn from_str(text: &str) -> Result<Self, InvalidOutcome> {
        match text {
            "succeeded" => Ok(Self::Succeeded),
            "failed" => Ok(Self::Failed),
            "denied" => Ok(Self::Denied),
            _ => Err(InvalidOutcome),
        }
    }
}

/// An entry's link in its tenant's chain: a SHA-256 over the entry and the hash before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryHash(pub(crate) [u8; 32]);

impl EntryHash {
    /// The hash before the first entry.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for EntryHash {
    /// In hexadecimal, 64 digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryHash({self})")
    }
}

/// The text is not an [`EntryHash`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits")]
pub struct InvalidHash;

impl FromStr for EntryHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| InvalidHash)?;
        Ok(Self(hash))
    }
}

impl Serialize for EntryHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
