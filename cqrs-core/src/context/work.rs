//! The work that a context belongs to.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::runtime::{InFlight, Lifecycle};

/// An effect that is deferred until the work succeeds.
pub(crate) trait Effect: Any + Send {
    fn carry_out(self: Box<Self>);
}

/// One attempt or execution, and the work that it is part of. After the end of the work, its context counts
/// as one from outside.
pub(crate) struct Work {
    pub(super) lifecycle: Arc<Lifecycle>,
    /// The event and the number of the attempt, from 1; `None` for a command or query.
    delivery: Option<(&'static str, u32)>,
    parent: Option<Arc<Work>>,
    /// The handler's stable name, if the application is observed.
    handler: OnceLock<Arc<str>>,
    /// Whether this is a task that the work spawned.
    pub(super) is_task: bool,
    /// Whether what it publishes is sent when it succeeds.
    pub(super) keeps_effects: bool,
    ended: AtomicBool,
    /// What the work has published so far; sent when it succeeds. `None` if this work defers nothing, or no
    /// longer.
    effects: Mutex<Option<Vec<Box<dyn Effect>>>>,
}

impl Work {
    /// The same work for as long as a task that it spawned; counted as in flight. What the task publishes
    /// is sent at once, since the task may outlive the work.
    pub(super) fn continued_by_task(&self) -> WorkGuard {
        let task = self.lifecycle.enter_task();
        let guard =
            Self::begin(&self.lifecycle, self.delivery, self.parent.clone(), Some(task), false);
        if let Some(handler) = self.handler.get() {
            guard.name_handler(handler);
        }
        guard
    }

    /// `task` is there if a task continues other work.
    pub(super) fn begin(
        lifecycle: &Arc<Lifecycle>,
        delivery: Option<(&'static str, u32)>,
        parent: Option<Arc<Self>>,
        task: Option<InFlight>,
        keeps_effects: bool,
    ) -> WorkGuard {
        let is_task = task.is_some();
        let work = Self {
            lifecycle: Arc::clone(lifecycle),
            delivery,
            parent,
            handler: OnceLock::new(),
            is_task,
            keeps_effects,
            ended: AtomicBool::new(false),
            effects: Mutex::new(keeps_effects.then(Vec::new)),
        };
        WorkGuard { work: Arc::new(work), _task: task }
    }

    /// The event and the attempt of this work, or of the work that it is part of.
    pub(super) fn delivery(&self) -> Option<(&'static str, u32)> {
        self.delivery.or_else(|| self.parent.as_ref()?.delivery())
    }

    pub(super) fn handler(&self) -> Option<&Arc<str>> {
        self.handler.get()
    }

    pub(super) fn is_of(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        Arc::ptr_eq(&self.lifecycle, lifecycle)
    }

    pub(super) fn is_delivery(&self) -> bool {
        self.delivery.is_some()
    }

    /// Whether `is_it` accepts this work, or work that it is part of, that is not finished.
    pub(super) fn any(&self, is_it: &mut impl FnMut(&Self) -> bool) -> bool {
        let goes_on = !self.ended.load(SeqCst);
        (goes_on && is_it(self)) || self.parent.as_ref().is_some_and(|parent| parent.any(is_it))
    }

    /// Defers `effect` until this work succeeds. Returns it if this work defers nothing, or no longer.
    pub(super) fn defer(&self, effect: Box<dyn Effect>) -> Result<(), Box<dyn Effect>> {
        match &mut *self.effects() {
            Some(effects) => {
                effects.push(effect);
                Ok(())
            }
            None => Err(effect),
        }
    }

    /// What was deferred, the first time. From then on nothing is.
    pub(super) fn take_effects(&self) -> Vec<Box<dyn Effect>> {
        self.effects().take().unwrap_or_default()
    }

    /// Drops what was deferred, because the work begins again.
    pub(super) fn begin_again(&self) {
        let dropped = self.keeps_effects.then(Vec::new);
        let dropped = std::mem::replace(&mut *self.effects(), dropped);
        // Dropped after the lock is released, because an effect may run a user's `Drop`.
        drop(dropped);
    }

    fn effects(&self) -> MutexGuard<'_, Option<Vec<Box<dyn Effect>>>> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps work going until it is dropped.
pub(crate) struct WorkGuard {
    work: Arc<Work>,
    _task: Option<InFlight>,
}

impl WorkGuard {
    pub(super) fn work(&self) -> Arc<Work> {
        Arc::clone(&self.work)
    }

    /// Says which handler does the work, for observers.
    pub(crate) fn name_handler(&self, handler: &Arc<str>) {
        let _ = self.work.handler.set(Arc::clone(handler));
    }

    /// The work has succeeded: gives its deferred effects, in order. Without this call, they are dropped.
    pub(crate) fn succeed(self) -> Vec<Box<dyn Effect>> {
        self.work.take_effects()
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        self.work.ended.store(true, SeqCst);
        if self.work.keeps_effects {
            drop(self.work.take_effects());
        }
    }
}
