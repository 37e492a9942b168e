//! What an application and everything running in it share: how much is in flight, whether new work
//! is still taken, and whether it is time to stop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Shared by an application's buses, lanes and contexts.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    in_flight: AtomicUsize,
    /// Those of them that handlers spawned.
    tasks: AtomicUsize,
    /// How much of that waits at paused handlers, where nothing will happen to it.
    parked: AtomicUsize,
    became_idle: Notify,
    /// There is something to measure again.
    #[cfg(feature = "metrics")]
    activity: Notify,
    intake_closed: AtomicBool,
    /// Cancelled when a shutdown begins: handlers may finish early.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the time to drain is over: workers leave.
    stopped: CancellationToken,
    /// The same, without the token's lock.
    is_stopped: AtomicBool,
    /// Held for reading while work is handed over; for writing at the moment of the stop.
    gate: RwLock<()>,
}

impl Lifecycle {
    /// Counts one piece of work; `None` when it comes too late: from outside once the intake is
    /// closed, and as part of work that is already in flight (`is_inside`) once time is over.
    ///
    /// Counting comes before looking, so that a shutdown that saw nothing in flight can rely on it.
    pub(crate) fn admit(self: &Arc<Self>, is_inside: bool) -> Option<InFlight> {
        let guard = self.enter();
        let is_too_late =
            if is_inside { self.is_stopped() } else { self.intake_closed.load(SeqCst) };
        (!is_too_late).then_some(guard)
    }

    /// Counts one piece of work, whatever the state.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, SeqCst);
        #[cfg(feature = "metrics")]
        self.activity.notify_one();
        InFlight(Arc::clone(self))
    }

    /// Counts one task that a handler spawned.
    pub(crate) fn enter_task(self: &Arc<Self>) -> TaskInFlight {
        self.tasks.fetch_add(1, SeqCst);
        TaskInFlight(self.enter())
    }

    /// How many tasks that handlers spawned are running.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.load(SeqCst)
    }

    pub(crate) fn close_intake(&self) {
        self.intake_closed.store(true, SeqCst);
        self.draining.cancel();
    }

    /// From now on nothing is handed over, and what has been is found by a drain.
    pub(crate) fn close_gate(&self) {
        self.close_intake();
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.is_stopped.store(true, SeqCst);
        drop(gate);
    }

    /// Tells everything that runs to end.
    pub(crate) fn stop(&self) {
        self.close_gate();
        self.stopped.cancel();
    }

    /// `None` once the application stopped; it cannot stop while the guard lives.
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

    pub(crate) fn is_closed(&self) -> bool {
        self.intake_closed.load(SeqCst)
    }

    /// Returns when something is in flight, or has been since the last time. For one task at a time.
    #[cfg(feature = "metrics")]
    pub(crate) async fn active(&self) {
        if self.in_flight.load(SeqCst) == 0 {
            self.activity.notified().await;
        }
    }

    /// Says that something changed that is not in flight.
    #[cfg(feature = "metrics")]
    pub(crate) fn note_activity(&self) {
        self.activity.notify_one();
    }

    /// Returns when nothing is in flight. Cancel safe.
    pub(crate) async fn idle(&self) {
        self.wait_until(|| self.in_flight.load(SeqCst) == 0).await;
    }

    /// Returns when all that is in flight waits at paused handlers. Cancel safe.
    pub(crate) async fn idle_but_parked(&self) {
        // What is parked is looked at first: more of it in the meantime is more in flight as well.
        self.wait_until(|| self.parked.load(SeqCst) == self.in_flight.load(SeqCst)).await;
    }

    /// Of what is in flight, another part waits at a paused handler now.
    pub(crate) fn park(&self, before: usize, now: usize) {
        let parked = if now >= before {
            self.parked.fetch_add(now - before, SeqCst) + (now - before)
        } else {
            self.parked.fetch_sub(before - now, SeqCst) - (before - now)
        };
        if parked == self.in_flight.load(SeqCst) {
            self.became_idle.notify_waiters();
        }
    }

    async fn wait_until(&self, is_idle: impl Fn() -> bool) {
        loop {
            let became_idle = self.became_idle.notified();
            tokio::pin!(became_idle);
            became_idle.as_mut().enable();
            if is_idle() {
                return;
            }
            became_idle.await;
        }
    }
}

/// One piece of work in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Lifecycle>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let left = self.0.in_flight.fetch_sub(1, SeqCst) - 1;
        if left == 0 || left == self.0.parked.load(SeqCst) {
            self.0.became_idle.notify_waiters();
        }
    }
}

/// One task that a handler spawned, until it is dropped.
#[derive(Debug)]
pub(crate) struct TaskInFlight(InFlight);

impl Drop for TaskInFlight {
    fn drop(&mut self) {
        self.0.0.tasks.fetch_sub(1, SeqCst);
    }
}
