//! Where a process can end by itself: before and after each write of the store, and after the effects of handlers.

use std::any::Any;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    Beat, Change, Claim, DoneRow, Entry, EventLog, Lease, LogEvent, LoggedEvent, NewSubscription,
    Node, Position, Profile, Progress, Store, StoreError, Subscription, SubscriptionId, Unit,
    Units,
};
use cqrs_core::services::TypeRef;
use cqrs_sql::SqlStore;
use serde::{Deserialize, Serialize};

/// The points, each with how often it may be passed before the process ends there.
pub(crate) const POINTS: [(&str, u32); 16] = [
    ("before an append", 10),
    ("after an append", 10),
    ("after a plain handler's effect", 20),
    ("after a transactional handler's effect", 20),
    ("after a done row", 20),
    ("before a commit of the framework", 20),
    ("after a commit of the framework", 20),
    ("before a commit of the user", 3),
    ("after a commit of the user", 3),
    ("before a save of progress", 4),
    ("after a save of progress", 4),
    ("before a claim of shards", 2),
    ("after a claim of shards", 2),
    ("after a beat", 4),
    ("before the shards are given back", 0),
    ("after the shards are given back", 0),
];

/// Where this process ends, and how often it passes the point before.
static END_AT: OnceLock<(EndAt, AtomicU32)> = OnceLock::new();

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EndAt {
    pub(crate) point: String,
    pub(crate) passes: u32,
}

/// Lets this process end there.
pub(crate) fn end_at(end: EndAt) {
    assert!(POINTS.iter().any(|(point, _)| *point == end.point), "no point is {end:?}");
    let passes = AtomicU32::new(end.passes);
    END_AT.set((end, passes)).expect("a process ends once");
}

/// This process is at a point.
pub(crate) fn reach(point: &str) {
    debug_assert!(POINTS.iter().any(|(known, _)| *known == point), "unknown: {point}");
    if let Some((end, passes)) = END_AT.get()
        && end.point == point
        && passes.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err()
    {
        std::process::abort();
    }
}

/// A store that reaches the points.
#[derive(Debug)]
pub(crate) struct PointedStore {
    pub(crate) store: SqlStore,
    /// Shorter than the store's own, so that the shards of a process that was killed are soon free.
    pub(crate) lease: Duration,
}

impl PointedStore {
    fn inner(&self) -> &dyn Units {
        self.store.units().expect("it has transactions")
    }
}

impl Store for PointedStore {
    fn units(&self) -> Option<&dyn Units> {
        Some(self)
    }
}

impl EventLog for PointedStore {
    fn profile(&self) -> Profile {
        Profile { lease: self.lease, ..self.store.profile() }
    }

    fn append<'a>(
        &'a self,
        entries: &'a [Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>> {
        Box::pin(async {
            reach("before an append");
            let appended = self.store.append(entries).await;
            reach("after an append");
            appended
        })
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LoggedEvent>, StoreError>> {
        self.store.read(after, limit)
    }

    fn read_at<'a>(
        &'a self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        self.store.read_at(positions)
    }

    fn range(&self) -> BoxFuture<'_, Result<RangeInclusive<Position>, StoreError>> {
        self.store.range()
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        self.store.news()
    }
}

impl Progress for PointedStore {
    fn register<'a>(
        &'a self,
        wanted: &'a [NewSubscription<'a>],
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StoreError>> {
        self.store.register(wanted)
    }

    fn beat<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Beat, StoreError>> {
        Box::pin(async {
            let beat = self.store.beat(node).await;
            reach("after a beat");
            beat
        })
    }

    fn claim<'a>(
        &'a self,
        node: &'a Node,
        at_most: usize,
        subscriptions: &'a [SubscriptionId],
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>> {
        Box::pin(async move {
            reach("before a claim of shards");
            let claims = self.store.claim(node, at_most, subscriptions).await;
            reach("after a claim of shards");
            claims
        })
    }

    fn release<'a>(
        &'a self,
        node: &'a Node,
        leases: &'a [Lease],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            reach("before the shards are given back");
            let released = self.store.release(node, leases).await;
            reach("after the shards are given back");
            released
        })
    }

    fn leave<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.leave(node)
    }

    fn save<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Vec<Lease>, StoreError>> {
        Box::pin(async {
            reach("before a save of progress");
            let lost = self.store.save(changes).await;
            let parked: usize = changes.iter().map(|change| change.park.len()).sum();
            if parked > 0 && lost.is_ok() {
                println!("parked {parked}");
            }
            reach("after a save of progress");
            lost
        })
    }
}

impl Units for PointedStore {
    fn transaction(&self) -> TypeRef {
        self.inner().transaction()
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Unit>, StoreError>> {
        Box::pin(async {
            let unit = self.inner().begin().await?;
            Ok(Box::new(PointedUnit(unit)) as _)
        })
    }
}

struct PointedUnit(Box<dyn Unit>);

impl Unit for PointedUnit {
    fn transaction(&mut self) -> &mut (dyn Any + Send) {
        self.0.transaction()
    }

    fn publish<'a>(&'a mut self, events: &'a [LogEvent]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.publish(events)
    }

    fn done<'a>(&'a mut self, rows: &'a [DoneRow]) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async {
            let done = self.0.done(rows).await;
            reach("after a done row");
            done
        })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async {
            reach("before a commit of the framework");
            let committed = self.0.commit().await;
            reach("after a commit of the framework");
            committed
        })
    }
}
