//! How many events are in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Counts those that are made with [`one_more`](Self::one_more) until they are dropped.
#[derive(Clone, Default)]
pub(crate) struct Population(Arc<Counts>);

#[derive(Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Population {
    pub(crate) fn one_more(&self) -> Live {
        let now = self.0.now.fetch_add(1, SeqCst) + 1;
        self.0.most.fetch_max(now, SeqCst);
        Live(Some(Arc::clone(&self.0)))
    }

    pub(crate) fn now(&self) -> usize {
        self.0.now.load(SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.most.load(SeqCst)
    }
}

/// A part of an event, which lives as long as that; not counted where it was read from JSON.
#[derive(Default)]
pub(crate) struct Live(Option<Arc<Counts>>);

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(counts) = &self.0 {
            counts.now.fetch_sub(1, SeqCst);
        }
    }
}
