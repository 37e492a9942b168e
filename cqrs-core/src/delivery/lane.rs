//! One handler's lane: its queue, its gate, its room, its workers.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::breaker::{Change, Hold};
use super::engine::Engine;
use super::gate::Gate;
use super::outcome::DeliveryState;
use super::queue::{Delivery, Fate, LaneQueue, Turn};
use super::room::{Place, Room};
use super::worker;
use crate::handler::{BatchPolicy, ErasedEventHandler, HandlerOptions};
use crate::runtime::sleep_until;
use crate::services::TypeRef;

/// Chooses among so many that are ready.
type Pick<'a> = &'a dyn Fn(usize) -> usize;

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
    /// For a handler of batches.
    pub(super) batch: Option<BatchPolicy>,
    pub(super) engine: Arc<Engine>,
    room: Arc<Room>,
    state: Mutex<State>,
    /// One permit for each delivery that becomes ready; see [`Lane::next`].
    work: Notify,
    staff: Mutex<Vec<bool>>,
    staffed: AtomicUsize,
}

pub(super) struct State {
    pub(super) queue: LaneQueue,
    pub(super) gate: Gate,
    /// How many publishers wait for room.
    pub(super) publishers: usize,
    /// How much of this the lifecycle knows to be parked.
    parked: usize,
}

impl Lane {
    pub(crate) fn new(
        handler_name: &str,
        handler: TypeRef,
        options: HandlerOptions,
        batch: Option<BatchPolicy>,
        capacity: usize,
        engine: Arc<Engine>,
    ) -> Self {
        let workers = options.concurrency.get();
        let (queue, gate) = (LaneQueue::new(workers, batch), Gate::new(&options));
        let state = State { queue, gate, publishers: 0, parked: 0 };
        Self {
            handler_name: handler_name.into(),
            handler,
            options,
            batch,
            engine,
            room: Arc::new(Room::new(capacity)),
            state: Mutex::new(state),
            work: Notify::new(),
            staff: Mutex::new(vec![false; workers]),
            staffed: AtomicUsize::new(0),
        }
    }

    /// The handler's stable name.
    pub(crate) fn name(&self) -> &str {
        &self.handler_name
    }

    /// Waits until the lane has room for one more delivery of `tenant`; `None` when the application
    /// stopped. Cancel safe.
    pub(super) async fn reserve(&self, tenant: u64) -> Option<Place> {
        let wait = match self.room.enter(tenant) {
            Ok(place) => return Some(place),
            Err(wait) => wait,
        };
        let _waiting = WaitingPublisher::new(self);
        tokio::select! {
            // A stopping lane is emptied, which makes room; but nobody would find what is pushed then.
            biased;
            () = self.engine.lifecycle.stopped() => None,
            place = wait.place() => place,
        }
    }

    pub(super) fn push(&self, delivery: Delivery) {
        let has_work = if self.lingers() {
            let now = Instant::now();
            self.with(|State { queue, publishers, .. }| match publishers {
                0 => queue.gather(delivery, now),
                // The queue is full: nothing more would come.
                _ => queue.push(delivery),
            })
        } else {
            self.with(|state| state.queue.push(delivery))
        };
        if has_work {
            self.work.notify_one();
        }
    }

    /// Whether a batch may wait for more events; not during a shutdown.
    fn lingers(&self) -> bool {
        self.batch.is_some_and(|policy| !policy.longest_linger().is_zero())
            && !self.engine.lifecycle.is_closed()
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
        self.with(|state| {
            state.gate.abandon(worker);
            state.queue.give_back(worker);
        });
        self.staff.lock().unwrap_or_else(PoisonError::into_inner)[worker] = false;
        self.staffed.fetch_sub(1, SeqCst);
        self.work.notify_one();
        self.engine.worker_left.notify_waiters();
    }

    /// Waits for `worker`'s next turn; `None` when the application stopped.
    pub(super) async fn next(&self, worker: usize) -> Option<Turn> {
        self.next_of(worker, |queue, pick| queue.take(worker, pick)).await
    }

    /// Waits for the turns of `worker`'s next batch; `None` when the application stopped.
    pub(super) async fn next_batch(
        &self,
        worker: usize,
        policy: &BatchPolicy,
    ) -> Option<Vec<Turn>> {
        let take = |queue: &mut LaneQueue, pick: Pick<'_>| queue.take_batch(worker, policy, pick);
        loop {
            let lingers = self.lingers();
            tokio::select! {
                biased;
                turns = self.next_of(worker, take) => return turns,
                // Whatever waits for company is to go on now.
                () = self.engine.lifecycle.draining.cancelled(), if lingers => {}
            }
        }
    }

    async fn next_of<T>(
        &self,
        worker: usize,
        take: impl Fn(&mut LaneQueue, Pick<'_>) -> Option<T>,
    ) -> Option<T> {
        let lifecycle = &self.engine.lifecycle;
        loop {
            if lifecycle.is_stopped() {
                return None;
            }
            if let Ok(taken) = self.take(worker, &take) {
                return Some(taken);
            }
            // Enlisting comes before the second look, so that no notification falls in between.
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            let look_again = match self.take(worker, &take) {
                Ok(taken) => {
                    // The notification may have been meant for another delivery.
                    self.work.notify_one();
                    return Some(taken);
                }
                Err(look_again) => look_again,
            };
            tokio::select! {
                biased;
                () = lifecycle.stopped() => return None,
                () = work => {}
                () = sleep_until(look_again) => {}
            }
        }
    }

    /// What is next, or when to look again, unless a notification comes first.
    ///
    /// A worker takes nothing that it would then have to hold while it waits: what may not begin yet
    /// stays in the queue, where a shutdown finds it.
    fn take<T>(
        &self,
        worker: usize,
        take: impl Fn(&mut LaneQueue, Pick<'_>) -> Option<T>,
    ) -> Result<T, Option<Instant>> {
        let pick = |count| match &self.engine.interleaving {
            Some(interleaving) => interleaving.pick(count),
            None => 0,
        };
        let (taken, others_wait) = self.with(|State { queue, gate, .. }| {
            if self.batch.is_some() && self.engine.lifecycle.is_closed() {
                queue.end_gathering();
            }
            if queue.next_due().is_some() {
                queue.wake(Instant::now());
            }
            if !queue.has_ready() {
                return Err(queue.next_due());
            }
            gate.enter(worker).map_err(|hold| match hold {
                Hold::Until(instant) => Some(instant),
                Hold::UntilTold => None,
            })?;
            let taken = take(queue, &pick).ok_or(None)?;
            // Those that stopped gathering had no notification of their own.
            let others_are_held = (gate.is_timed() || self.batch.is_some()) && queue.has_ready();
            Ok((taken, others_are_held || queue.next_due().is_some()))
        })?;
        if others_wait {
            // This worker may have been the one that watched the clock.
            self.work.notify_one();
        }
        Ok(taken)
    }

    /// `worker`'s attempt came to its end; what becomes of its delivery comes after.
    pub(super) fn attempted(&self, worker: usize, succeeded: bool) {
        if self.options.breaker.is_none() {
            return;
        }
        let Some(change) = self.with(|state| state.gate.end(worker, succeeded)) else { return };
        let handler = &*self.handler_name;
        match change {
            Change::Opened { cooldown } => tracing::warn!(
                handler,
                ?cooldown,
                "too many attempts in a row have failed: the circuit breaker is open"
            ),
            Change::Closed => tracing::info!(handler, "the circuit breaker is closed again"),
        }
        self.work.notify_waiters();
    }

    /// Ends `worker`'s delivery. It must be dropped after what its end leads to is visible.
    pub(super) fn finish(&self, worker: usize) -> Option<Delivery> {
        let (delivery, became_ready) = self.with(|state| state.queue.finish(worker))?;
        if became_ready {
            self.work.notify_one();
        }
        Some(delivery)
    }

    /// Ends `worker`'s batch. What is over must be dropped after what that leads to is visible.
    pub(super) fn end_batch(&self, worker: usize, fates: &[Fate]) -> Vec<Delivery> {
        let (finished, ready) = self.with(|state| state.queue.end_batch(worker, fates));
        for _ in 0..ready.min(self.options.concurrency.get()) {
            self.work.notify_one();
        }
        finished
    }

    pub(super) fn delay(&self, worker: usize, due: Instant) {
        self.with(|state| state.queue.delay(worker, due));
    }

    pub(super) fn repeat(&self, worker: usize) {
        self.with(|state| state.queue.repeat(worker));
        self.work.notify_one();
    }

    /// Lets no attempt begin from now on, or lets them begin again. Says whether that is a change.
    pub(super) fn pause(&self, pause: bool) -> bool {
        let was_paused = self.with(|state| std::mem::replace(&mut state.gate.is_paused, pause));
        if was_paused && !pause {
            self.work.notify_waiters();
        }
        was_paused != pause
    }

    pub(super) fn has_work(&self) -> bool {
        self.with(|state| !state.queue.is_empty())
    }

    /// Empties the lane and says what was in it.
    pub(super) fn drain(&self) -> Vec<(Delivery, DeliveryState)> {
        self.with(|state| state.queue.drain())
    }

    /// Looks at the lane, or changes it, and tells the lifecycle what waits in vain.
    pub(super) fn with<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = action(&mut state);
        if state.gate.is_paused || state.parked > 0 {
            let parked = state.waiting_in_vain();
            let before = std::mem::replace(&mut state.parked, parked);
            self.engine.lifecycle.park(before, parked);
        }
        result
    }
}

impl State {
    fn waiting_in_vain(&self) -> usize {
        if self.gate.is_paused { self.queue.waiting() + self.publishers } else { 0 }
    }
}

/// Counts a publisher that waits for room, until it is dropped. Meanwhile no batch waits to fill.
struct WaitingPublisher<'a>(&'a Lane);

impl<'a> WaitingPublisher<'a> {
    fn new(lane: &'a Lane) -> Self {
        let has_work = lane.with(|state| {
            state.publishers += 1;
            state.queue.end_gathering()
        });
        if has_work {
            lane.work.notify_one();
        }
        Self(lane)
    }
}

impl Drop for WaitingPublisher<'_> {
    fn drop(&mut self) {
        self.0.with(|state| state.publishers -= 1);
    }
}
