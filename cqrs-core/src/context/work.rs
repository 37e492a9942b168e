//! The work that a context belongs to.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use crate::runtime::{Lifecycle, TaskInFlight};

/// An effect that is deferred until the work succeeds.
pub(crate) type Effect = Box<dyn FnOnce() + Send>;

/// One attempt or execution, and the work that it is part of. After the end of the work, its context counts
/// as one from outside.
pub(crate) struct Work {
    lifecycle: Arc<Lifecycle>,
    kind: WorkKind,
    parent: Option<Arc<Work>>,
    /// Whether this is a task that the work spawned.
    is_task: bool,
    ended: AtomicBool,
    /// What the work has published so far; sent when it succeeds. `None` if this work defers nothing, or no
    /// longer.
    effects: Mutex<Option<Vec<Effect>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkKind {
    /// A command or query.
    Execution,
    /// An attempt to deliver an event: the event's name, and the attempt's number from 1.
    Delivery { event: &'static str, attempt: u32 },
}

impl Work {
    pub(super) fn begin(
        lifecycle: &Arc<Lifecycle>,
        kind: WorkKind,
        parent: Option<Arc<Self>>,
    ) -> WorkGuard {
        Self::guarded(lifecycle, kind, parent, None)
    }

    /// Work for a task that this work spawned; it counts as in flight. What the task publishes is sent at
    /// once, because the task may end after the work.
    pub(super) fn continued_by_task(&self) -> WorkGuard {
        let task = self.lifecycle.enter_task();
        Self::guarded(&self.lifecycle, self.kind, self.parent.clone(), Some(task))
    }

    fn guarded(
        lifecycle: &Arc<Lifecycle>,
        kind: WorkKind,
        parent: Option<Arc<Self>>,
        task: Option<TaskInFlight>,
    ) -> WorkGuard {
        let is_task = task.is_some();
        let keeps_effects = !is_task && matches!(kind, WorkKind::Delivery { .. });
        let work = Self {
            lifecycle: Arc::clone(lifecycle),
            kind,
            parent,
            is_task,
            ended: AtomicBool::new(false),
            effects: Mutex::new(keeps_effects.then(Vec::new)),
        };
        WorkGuard { work: Arc::new(work), keeps_effects, _task: task }
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// The event and the attempt of this work, or of the work that it is part of.
    pub(super) fn delivery(&self) -> Option<(&'static str, u32)> {
        match (self.kind, &self.parent) {
            (WorkKind::Delivery { event, attempt }, _) => Some((event, attempt)),
            (WorkKind::Execution, parent) => parent.as_ref()?.delivery(),
        }
    }

    pub(super) fn is_of(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        Arc::ptr_eq(&self.lifecycle, lifecycle)
    }

    pub(super) fn is_task(&self) -> bool {
        self.is_task
    }

    pub(super) fn is_delivery(&self) -> bool {
        matches!(self.kind, WorkKind::Delivery { .. })
    }

    /// Whether `is_it` accepts this work, or work that it is part of, that is not finished.
    pub(super) fn any(&self, is_it: &mut impl FnMut(&Self) -> bool) -> bool {
        let goes_on = !self.ended.load(SeqCst);
        (goes_on && is_it(self)) || self.parent.as_ref().is_some_and(|parent| parent.any(is_it))
    }

    /// Defers `effect` until this work succeeds. Returns it if this work defers nothing, or no longer.
    pub(super) fn defer(&self, effect: Effect) -> Result<(), Effect> {
        let mut effects = self.effects.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *effects {
            Some(effects) => {
                effects.push(effect);
                Ok(())
            }
            None => Err(effect),
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The guard of unfinished work. The work ends when it is dropped.
#[derive(Debug)]
pub(crate) struct WorkGuard {
    work: Arc<Work>,
    /// Whether the work may still have deferred effects.
    keeps_effects: bool,
    _task: Option<TaskInFlight>,
}

impl WorkGuard {
    pub(super) fn work(&self) -> Arc<Work> {
        Arc::clone(&self.work)
    }

    /// The work has succeeded: carries out its deferred effects, in order. Without this call, they are
    /// dropped.
    pub(crate) fn succeed(mut self) {
        for effect in self.take_effects().into_iter().flatten() {
            effect();
        }
    }

    /// Takes the deferred effects. After the first call, nothing is deferred.
    fn take_effects(&mut self) -> Option<Vec<Effect>> {
        if !std::mem::take(&mut self.keeps_effects) {
            return None;
        }
        self.work.effects.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        self.work.ended.store(true, SeqCst);
        drop(self.take_effects());
    }
}
