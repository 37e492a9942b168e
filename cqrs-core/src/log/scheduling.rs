//! Events that are published later.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{LogEvent, LoggedEvent, StoreError};
use crate::handler::BoxFuture;

/// What becomes of the events that a store keeps until they are due. They come to the store as a part of an
/// [`Entry`](super::Entry), or by [`Unit::schedule`](super::Unit::schedule).
pub trait Scheduling {
    /// Removes the event with this id, if it was not moved into the log. Returns whether it was there: then it never
    /// will be in the log.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; if the connection was lost, the event may have been removed.
    fn cancel(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Moves at most `limit` of the events that are due into the log, in one transaction. An event is due when the store's
    /// clock, moved by `ahead`, has reached its time; only tests move it. The
    /// earliest come first, and of those that are due at the same time, those that were scheduled first. When several
    /// nodes call it at the same time, each event is moved once.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; if the connection was lost, the events may have been moved.
    fn move_due(
        &self,
        limit: usize,
        ahead: Duration,
    ) -> BoxFuture<'_, Result<DueEvents, StoreError>>;
}

/// An event that is published later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledEvent {
    /// When. If this is in the past, the event is due at once.
    pub due: Timestamp,
    /// The event.
    pub event: LogEvent,
}

/// What [`Scheduling::move_due`] has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DueEvents {
    /// The events that were moved, where they are in the log now.
    pub moved: Vec<LoggedEvent>,
    /// In how long the next event is due, by that clock; zero if it is due already. `None` if none is scheduled.
    pub next: Option<Duration>,
}
