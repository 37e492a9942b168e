//! Where a process can end by itself: before and after each write of the store, and after the effects of handlers.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use cqrs_core::log::{Change, Claim, Profile, StoreError};
use cqrs_sql::SqlStore;
use cqrs_tests::intercepted::{Call, Intercepted, Interceptor};
use serde::{Deserialize, Serialize};

use crate::line::Line;

/// The points, each with how often it may be passed before the process ends there.
pub(crate) const POINTS: [(&str, u32); 18] = [
    ("before an append", 10),
    ("after an append", 10),
    ("before scheduled events are moved", 10),
    ("after scheduled events are moved", 10),
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

/// Reaches the points of a store.
#[derive(Debug)]
pub(crate) struct Points {
    /// Shorter than the store's own, so that the shards of a process that was killed are soon free.
    lease: Duration,
    claimed: Mutex<HashSet<u16>>,
}

/// A store that reaches the points.
pub(crate) type PointedStore = Intercepted<Points>;

pub(crate) fn pointed(store: SqlStore, lease: Duration) -> PointedStore {
    Intercepted::new(Arc::new(store), Points { lease, claimed: Mutex::default() })
}

impl Points {
    /// How many shards this process has claimed.
    pub(crate) fn claimed_shards(&self) -> usize {
        self.claimed.lock().expect("no thread panicked").len()
    }
}

impl Interceptor for Points {
    fn profile(&self, inner: Profile) -> Profile {
        Profile { lease: self.lease, ..inner }
    }

    async fn before(&self, call: Call) -> Result<(), StoreError> {
        match call {
            Call::Append => reach("before an append"),
            Call::MoveDue => reach("before scheduled events are moved"),
            Call::Commit => reach("before a commit of the framework"),
            Call::Save => reach("before a save of progress"),
            Call::Claim => reach("before a claim of shards"),
            Call::Release => reach("before the shards are given back"),
            _ => {}
        }
        Ok(())
    }

    fn after(&self, call: Call) {
        match call {
            Call::Append => reach("after an append"),
            Call::MoveDue => reach("after scheduled events are moved"),
            Call::Done => reach("after a done row"),
            Call::Commit => reach("after a commit of the framework"),
            Call::Save => reach("after a save of progress"),
            Call::Claim => reach("after a claim of shards"),
            Call::Beat => reach("after a beat"),
            Call::Release => reach("after the shards are given back"),
            _ => {}
        }
    }

    fn claimed(&self, claims: &[Claim]) {
        let shards = claims.iter().map(|claim| claim.lease.shard);
        self.claimed.lock().expect("no thread panicked").extend(shards);
    }

    fn saved(&self, changes: &[Change]) {
        let parked: usize = changes.iter().map(|change| change.park.len()).sum();
        if parked > 0 {
            Line::Parked(parked).print();
        }
    }
}
