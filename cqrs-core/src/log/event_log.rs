//! The log itself.

use std::ops::RangeInclusive;
use std::time::Duration;

use uuid::Uuid;

use super::{Lease, LogEvent, LoggedEvent, Position, ScheduledEvent, StoreError, SubscriptionId};
use crate::handler::BoxFuture;

/// The log: events are appended once, in order, and read by all subscriptions.
pub trait EventLog {
    /// What kind of store this is.
    fn profile(&self) -> Profile;

    /// Appends `entries` in order, all in one transaction. Returns when they will be found after a crash: for each
    /// entry the position of its first event, or `None` if nothing of the entry was appended because of its
    /// [`done`](Entry::done) row. The events of one entry have successive positions. What an entry has
    /// [`scheduled`](Entry::scheduled) is kept until it is due.
    ///
    /// Before that, moves into the log what finished transactions have published. So an event that was committed
    /// before this call has a lower position.
    ///
    /// Not cancel safe: if the future is dropped, the entries may have been appended or not.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of `entries` was appended then. A store that loses its connection during the commit
    /// finds out whether it happened before it returns.
    fn append<'a>(
        &'a self,
        entries: &'a [Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>>;

    /// The events after `after`, at most `limit`, with no hole between them. Before that, moves into the log what
    /// finished transactions have published.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; [`WentBack`](StoreError::WentBack) if the log ends before `after`.
    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LoggedEvent>, StoreError>>;

    /// The events after `after` and up to `end`, at most `limit`, without those of the tenants in `without`, where an
    /// empty string is the system scope.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn read_others<'a>(
        &'a self,
        after: Position,
        end: Position,
        without: &'a [&'a str],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>>;

    /// The events at these positions, in order; those that were pruned are missing.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn read_at<'a>(
        &'a self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>>;

    /// The first and the last position that are in the log; the first is after the last if the log is empty.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn range(&self) -> BoxFuture<'_, Result<RangeInclusive<Position>, StoreError>>;

    /// Returns when there may be news for [`read`](Self::read), or for no reason. The caller polls besides. Cancel
    /// safe.
    fn news(&self) -> BoxFuture<'_, ()>;
}

/// What kind of store this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// The name for people: `SQLite`, `Postgres`, `memory`.
    pub name: &'static str,
    /// Into how many shards the log is divided.
    pub shards: u16,
    /// How long a node keeps its shards after its last sign of life: how long a crash delays them at most.
    pub lease: Duration,
    /// How often the log is read without news, and it is looked whether scheduled events are due.
    pub poll: Duration,
}

impl Profile {
    /// What [`lease`](Self::lease) is unless a store says otherwise.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(15);
    /// What [`poll`](Self::poll) is unless a store says otherwise.
    pub const DEFAULT_POLL: Duration = Duration::from_millis(100);
}

/// Events that are appended or scheduled, all or none.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// What is appended now.
    pub events: Vec<LogEvent>,
    /// What is appended when it is due.
    pub scheduled: Vec<ScheduledEvent>,
    /// If these events are the effect of deliveries: what must not happen twice.
    pub done: Vec<DoneRow>,
}

/// The mark that a delivery has had its effect. It is written in the transaction of the effect. If it is there
/// already, if the lease is another node's now, or if the log does not have the event at its position, the effect must
/// not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DoneRow {
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// The lease under which the delivery is handled.
    pub lease: Lease,
    /// Where the event is.
    pub position: Position,
    /// The id of the event. Another log may have another event at the position.
    pub event: Uuid,
}
