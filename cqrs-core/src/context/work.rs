//! The work of an application that a context was handed to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::runtime::{Lifecycle, TaskInFlight};

/// One attempt or execution, and what it is part of. A context that is kept for longer than that is like
/// one from outside.
pub(super) struct Work {
    lifecycle: Arc<Lifecycle>,
    kind: WorkKind,
    parent: Option<Arc<Work>>,
    ended: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkKind {
    /// A command or query.
    Execution,
    /// An attempt to deliver an event; from 1.
    Delivery { attempt: u32 },
}

impl Work {
    pub(super) fn begin(
        lifecycle: &Arc<Lifecycle>,
        kind: WorkKind,
        parent: Option<Arc<Self>>,
    ) -> WorkGuard {
        let lifecycle = Arc::clone(lifecycle);
        let work = Self { lifecycle, kind, parent, ended: AtomicBool::new(false) };
        WorkGuard { work: Arc::new(work), task: None }
    }

    /// The same work, as long as a task that it spawned; counted as in flight.
    pub(super) fn continued_by_task(&self) -> WorkGuard {
        let task = self.lifecycle.enter_task();
        let mut guard = Self::begin(&self.lifecycle, self.kind, self.parent.clone());
        guard.task = Some(task);
        guard
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// The attempt that this is or is part of; 0 if none.
    pub(super) fn attempt(&self) -> u32 {
        match (self.kind, &self.parent) {
            (WorkKind::Delivery { attempt }, _) => attempt,
            (WorkKind::Execution, Some(parent)) => parent.attempt(),
            (WorkKind::Execution, None) => 0,
        }
    }

    pub(super) fn is_of(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        Arc::ptr_eq(&self.lifecycle, lifecycle)
    }

    pub(super) fn is_delivery(&self) -> bool {
        matches!(self.kind, WorkKind::Delivery { .. })
    }

    /// Whether this, or what it is part of, goes on and `is_it`.
    pub(super) fn any(&self, is_it: &impl Fn(&Self) -> bool) -> bool {
        let goes_on = !self.ended.load(SeqCst);
        (goes_on && is_it(self)) || self.parent.as_ref().is_some_and(|parent| parent.any(is_it))
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Keeps work going until it is dropped.
#[derive(Debug)]
pub(crate) struct WorkGuard {
    work: Arc<Work>,
    task: Option<TaskInFlight>,
}

impl WorkGuard {
    pub(super) fn work(&self) -> Arc<Work> {
        Arc::clone(&self.work)
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        self.work.ended.store(true, SeqCst);
    }
}
