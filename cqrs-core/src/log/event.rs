//! An event as a store keeps it.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::SubscriptionId;

/// The place of an event in the log. The first event has 1, and each has the one after its predecessor: positions
/// have no holes, and are given in the order of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The place after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as a store keeps it: its payload and its context are JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// The event's id (uuid v7).
    pub id: Uuid,
    /// The event's stable name.
    pub name: Cow<'static, str>,
    /// The version of the payload's form.
    pub version: u32,
    /// The slice of the log that the event belongs to: by the hash of its tenant.
    pub shard: u16,
    /// The stable hash of its order key; `None` if it has no order.
    pub key: Option<u64>,
    /// The tenant; `None` in the system scope.
    pub tenant: Option<String>,
    /// The type of entity that the event is about.
    pub entity: Option<Cow<'static, str>>,
    /// The id of the entity.
    pub entity_id: Option<String>,
    /// The event's context as JSON.
    pub context: String,
    /// The payload as JSON.
    pub payload: String,
}

/// An event that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Where.
    pub position: Position,
    /// When it was appended, by the store's clock.
    pub at: Timestamp,
    /// The subscription that it was appended for alone, because an operator has redelivered it.
    pub only_for: Option<SubscriptionId>,
    /// The event.
    pub event: LogEvent,
}

/// An event that a node has seen in the log. If the log has another one there, it is not the log that the node has read:
/// the database was restored from an older copy, or a server that was behind took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenEvent {
    /// Where.
    pub position: Position,
    /// The id of the event.
    pub id: Uuid,
}
