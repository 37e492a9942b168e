//! One handler's lane: its queue, its room, its workers.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::engine::Engine;
use super::outcome::DeliveryState;
use super::queue::{Delivery, LaneQueue, Turn};
use super::worker;
use crate::handler::{ErasedEventHandler, HandlerOptions};
use crate::limited::sleep_until;
use crate::type_ref::TypeRef;

/// A handler of one event: where its deliveries go and what runs them.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) lane: Arc<Lane>,
    pub(crate) handler: Arc<dyn ErasedEventHandler>,
}

/// All deliveries to one handler.
///
/// A lane has as many workers as the handler's concurrency. They are started with the first delivery,
/// so that a handler without events costs nothing.
pub(crate) struct Lane {
    pub(super) handler_name: Arc<str>,
    pub(super) handler: TypeRef,
    pub(super) options: HandlerOptions,
    pub(super) engine: Arc<Engine>,
    room: Arc<Semaphore>,
    queue: Mutex<LaneQueue>,
    /// One permit for each delivery that becomes ready; see [`Lane::next`].
    work: Notify,
    staff: Mutex<Vec<bool>>,
    staffed: AtomicUsize,
}

impl Lane {
    pub(crate) fn new(
        handler_name: &str,
        handler: TypeRef,
        options: HandlerOptions,
        capacity: usize,
        engine: Arc<Engine>,
    ) -> Self {
        let workers = options.concurrency.get();
        Self {
            handler_name: handler_name.into(),
            handler,
            options,
            engine,
            room: Arc::new(Semaphore::new(capacity)),
            queue: Mutex::new(LaneQueue::new(workers)),
            work: Notify::new(),
            staff: Mutex::new(vec![false; workers]),
            staffed: AtomicUsize::new(0),
        }
    }

    /// The handler's stable name.
    pub(crate) fn name(&self) -> &str {
        &self.handler_name
    }

    /// Waits until the lane has room for one more delivery. Cancel safe; first come, first served.
    pub(super) async fn reserve(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            return Some(room);
        }
        tokio::select! {
            room = Arc::clone(&self.room).acquire_owned() => room.ok(),
            () = self.engine.lifecycle.stopped() => None,
        }
    }

    pub(super) fn push(&self, delivery: Delivery) {
        if self.queue().push(delivery) {
            self.work.notify_one();
        }
    }

    /// Starts the workers that are missing: all at first; later those whose runtime is gone.
    ///
    /// # Errors
    ///
    /// When this thread has no Tokio runtime to start them on.
    pub(super) fn ensure_workers(self: &Arc<Self>) -> Result<(), tokio::runtime::TryCurrentError> {
        if self.staffed.load(SeqCst) == self.options.concurrency.get() {
            return Ok(());
        }
        let runtime = Handle::try_current()?;
        let mut staff = self.staff.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing = Vec::new();
        for (worker, is_there) in staff.iter_mut().enumerate() {
            if !*is_there {
                *is_there = true;
                self.staffed.fetch_add(1, SeqCst);
                missing.push(worker::Post { lane: Arc::clone(self), worker });
            }
        }
        drop(staff);
        for post in missing {
            runtime.spawn(worker::run(post));
        }
        Ok(())
    }

    /// `worker` is gone; what it was at is for another one.
    pub(super) fn worker_left(&self, worker: usize) {
        self.queue().give_back(worker);
        self.staff.lock().unwrap_or_else(PoisonError::into_inner)[worker] = false;
        self.staffed.fetch_sub(1, SeqCst);
        self.work.notify_one();
        self.engine.worker_left.notify_waiters();
    }

    /// Waits for `worker`'s next turn; `None` when the application stopped.
    pub(super) async fn next(&self, worker: usize) -> Option<Turn> {
        let lifecycle = &self.engine.lifecycle;
        loop {
            if lifecycle.is_stopped() {
                return None;
            }
            if let Some(turn) = self.take(worker) {
                return Some(turn);
            }
            // Enlisting comes before the second look, so that no notification falls in between.
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            if let Some(turn) = self.take(worker) {
                // The notification may have been meant for another delivery.
                self.work.notify_one();
                return Some(turn);
            }
            let due = self.queue().next_due();
            tokio::select! {
                biased;
                () = lifecycle.stopped() => return None,
                () = work => {}
                () = sleep_until(due) => {}
            }
        }
    }

    fn take(&self, worker: usize) -> Option<Turn> {
        let pick = |count| match &self.engine.interleaving {
            Some(interleaving) => interleaving.pick(count),
            None => 0,
        };
        let mut queue = self.queue();
        let turn = queue.take(worker, pick)?;
        let others_are_delayed = queue.next_due().is_some();
        drop(queue);
        if others_are_delayed {
            // This worker may have been the one that watched the clock.
            self.work.notify_one();
        }
        Some(turn)
    }

    /// Ends `worker`'s delivery. It must be dropped after what its end leads to is visible.
    pub(super) fn finish(&self, worker: usize) -> Option<Delivery> {
        let (delivery, became_ready) = self.queue().finish(worker)?;
        if became_ready {
            self.work.notify_one();
        }
        Some(delivery)
    }

    pub(super) fn delay(&self, worker: usize, due: Instant) {
        self.queue().delay(worker, due);
    }

    pub(super) fn repeat(&self, worker: usize) {
        self.queue().repeat(worker);
        self.work.notify_one();
    }

    pub(super) fn has_work(&self) -> bool {
        !self.queue().is_empty()
    }

    /// Empties the lane and says what was in it.
    pub(super) fn drain(&self) -> Vec<(Delivery, DeliveryState)> {
        self.queue().drain()
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, LaneQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
