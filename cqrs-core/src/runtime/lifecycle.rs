//! What an application shares with everything that runs in it: how much work is in flight, whether new work
//! is accepted, and whether to stop.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Clock;

/// Shared by an application's buses, lanes and contexts.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    pub(crate) clock: Clock,
    in_flight: AtomicUsize,
    /// How many of these are tasks that handlers spawned.
    tasks: AtomicUsize,
    /// How many callers wait until a part of the work in flight is done.
    watchers: AtomicUsize,
    changed: Notify,
    intake_closed: AtomicBool,
    /// Cancelled when a shutdown begins: handlers may finish early.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the time to drain is over: workers stop.
    stopped: CancellationToken,
    /// The same as the token, but readable without its lock.
    is_stopped: AtomicBool,
    /// Held for reading while events are handed to lanes, for writing at the moment of the stop.
    gate: RwLock<()>,
}

impl Lifecycle {
    /// Counts one piece of work. `None` if it is too late: for work from outside after the intake was
    /// closed, and for a part of work in flight (`is_inside`) after the application stopped.
    ///
    /// It counts before it checks, so that a shutdown that found nothing in flight can rely on that.
    pub(crate) fn admit(self: &Arc<Self>, is_inside: bool) -> Option<InFlight> {
        let guard = self.enter();
        let is_too_late =
            if is_inside { self.is_stopped() } else { self.intake_closed.load(SeqCst) };
        (!is_too_late).then_some(guard)
    }

    /// Counts one piece of work in any state.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.begin();
        InFlight { lifecycle: Arc::clone(self), is_task: false }
    }

    /// As [`enter`](Self::enter), without a guard: [`end`](Self::end) must follow.
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, SeqCst);
    }

    /// One piece of work is done.
    pub(crate) fn end(&self) {
        let left = self.in_flight.fetch_sub(1, SeqCst) - 1;
        if left == 0 || self.watchers.load(SeqCst) > 0 {
            self.changed.notify_waiters();
        }
    }

    /// Counts one task that a handler spawned.
    pub(crate) fn enter_task(self: &Arc<Self>) -> InFlight {
        self.tasks.fetch_add(1, SeqCst);
        self.begin();
        InFlight { lifecycle: Arc::clone(self), is_task: true }
    }

    /// How many tasks that handlers spawned are running.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.load(SeqCst)
    }

    pub(crate) fn close_intake(&self) {
        self.intake_closed.store(true, SeqCst);
        self.draining.cancel();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.intake_closed.load(SeqCst)
    }

    /// From now on, no event is pushed to a lane, so a drain finds all that were pushed.
    pub(crate) fn close_gate(&self) {
        self.close_intake();
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.is_stopped.store(true, SeqCst);
        drop(gate);
    }

    /// Ends everything that runs.
    pub(crate) fn stop(&self) {
        self.close_gate();
        self.stopped.cancel();
    }

    /// `None` if the application has stopped. It cannot stop while the guard exists.
    pub(crate) fn pass(&self) -> Option<RwLockReadGuard<'_, ()>> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        (!self.is_stopped()).then_some(gate)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(SeqCst)
    }

    /// Returns when the time to drain is over. Cancel safe.
    pub(crate) async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Returns when nothing is in flight. Cancel safe.
    pub(crate) async fn idle(&self) {
        self.wait_until(|in_flight| in_flight == 0).await;
    }

    /// Returns when only as much work is in flight as `rest` returns. Cancel safe.
    pub(crate) async fn idle_but(&self, rest: impl Fn() -> usize) {
        let _watching = Watching::begin(self);
        // `rest` is called first: if it grows in the meantime, the work in flight has grown as well.
        self.wait_until(|_| rest() == self.in_flight.load(SeqCst)).await;
    }

    /// Wakes [`idle_but`](Self::idle_but), because its condition may now be true.
    pub(crate) fn note_change(&self) {
        self.changed.notify_waiters();
    }

    async fn wait_until(&self, is_idle: impl Fn(usize) -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if is_idle(self.in_flight.load(SeqCst)) {
                return;
            }
            changed.await;
        }
    }
}

/// One piece of work in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    lifecycle: Arc<Lifecycle>,
    is_task: bool,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.is_task {
            self.lifecycle.tasks.fetch_sub(1, SeqCst);
        }
        self.lifecycle.end();
    }
}

/// While it exists, every end of work is notified, not only the last one.
struct Watching<'a>(&'a AtomicUsize);

impl<'a> Watching<'a> {
    fn begin(lifecycle: &'a Lifecycle) -> Self {
        lifecycle.watchers.fetch_add(1, SeqCst);
        Self(&lifecycle.watchers)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
