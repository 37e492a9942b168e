//! One handler at work: limits -> worker -> attempt -> verdict -> settled.

mod attempt;
mod breaker;
mod chance;
mod deliver;
mod delivery;
mod died;
mod failure;
mod blocking;
mod limits;
mod outcome;
mod rate;
mod report;
mod shared;
mod status;
mod worker;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::breaker::{Change, Counted, NotReady};
use self::deliver::Taken;
use self::limits::Limits;
use self::outcome::Outcome;
use crate::handler::{
    AttemptError, BatchPolicy, EffectiveOptions, ErasedEventHandler, Item, Rejection, Transactions,
};
use crate::message::AnyEvent;
use crate::runtime::{Clock, sleep_until};
use crate::schedule::{Entry, Keys, Schedule, Step};
use crate::services::TypeRef;

pub use self::breaker::BreakerState;
pub use self::died::DeliveryDied;
pub use self::failure::Failure;
pub use self::status::{HandlerState, HandlerStatus};
pub use crate::schedule::DeliveryState;

pub(crate) use self::attempt::{Handles, inside_middleware, run};
pub(crate) use self::chance::Chance;
pub(crate) use self::delivery::{Deferred, Delivery, Origin, Publishes, Receipt, Verdict};
pub(crate) use self::died::Deaths;
pub(crate) use self::shared::Shared;

/// How often it is looked whether attempts may begin again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The schedule of one handler, and the workers that work it off: as many as the handler's concurrency.
/// They are started by the first delivery, so that a handler without events costs nothing.
pub(crate) struct Lane {
    /// The handler's stable name.
    pub(crate) name: Arc<str>,
    pub(crate) handler: TypeRef,
    pub(crate) options: EffectiveOptions,
    /// For a handler of batches.
    batch: Option<BatchPolicy>,
    /// The handler, once for each of its events.
    routes: Vec<ErasedEventHandler>,
    /// For a handler that writes in transactions.
    transactions: Option<Arc<dyn Transactions>>,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// One permit for each delivery that becomes ready; see [`Lane::next`].
    work: Notify,
    has_workers: AtomicBool,
}

struct State {
    schedule: Schedule<Delivery>,
    limits: Limits,
}

impl Lane {
    /// Makes the events of deliveries that have died.
    pub(crate) fn deaths(&self) -> &Deaths {
        &self.shared.deaths
    }

    pub(crate) fn new(
        name: &str,
        handler: TypeRef,
        options: EffectiveOptions,
        batch: Option<BatchPolicy>,
        routes: Vec<ErasedEventHandler>,
        transactions: Option<Arc<dyn Transactions>>,
        shared: Arc<Shared>,
    ) -> Self {
        let schedule = Schedule::new(options.concurrency);
        Self {
            name: name.into(),
            handler,
            options,
            batch,
            routes,
            transactions,
            shared,
            state: Mutex::new(State { schedule, limits: Limits::new(&options) }),
            work: Notify::new(),
            has_workers: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(crate) fn push(&self, delivery: Delivery, keys: Keys) {
        let mut state = self.state();
        let is_ready = state.schedule.push(delivery, keys);
        let may_be_behind_blocking = !is_ready && state.schedule.has_blocking();
        drop(state);
        if is_ready {
            self.work.notify_one();
        } else if may_be_behind_blocking {
            self.shared.lifecycle.note_change();
        }
    }

    /// As [`push`](Self::push), for a delivery of which attempts have failed before; the next one is after
    /// `wait`.
    pub(crate) fn push_again(
        &self,
        delivery: Delivery,
        keys: Keys,
        attempts: u32,
        wait: Option<Duration>,
    ) {
        let due = wait.and_then(|wait| self.clock().instant().into_std().checked_add(wait));
        self.state().schedule.push_again(delivery, keys, attempts, due);
        self.work.notify_one();
        // It may wait behind a blocking one.
        self.shared.lifecycle.note_change();
    }

    /// Gives back the deliveries that wait and that their origins take back.
    pub(crate) fn release_waiting(&self) {
        let released =
            self.state().schedule.remove_waiting(|delivery| delivery.receipt.origin.takes_back());
        for delivery in released {
            delivery.settle(Verdict::Release);
        }
    }

    /// Starts the workers if there is something to do and they are not there.
    pub(crate) fn start_workers(self: &Arc<Self>, runtime: &Handle) {
        if !self.has_workers.load(SeqCst) && self.has_work() && !self.has_workers.swap(true, SeqCst)
        {
            for number in 0..self.options.concurrency {
                worker::start(Arc::clone(self), number, runtime);
            }
        }
    }

    /// Waits until `worker` has taken deliveries, and copies what it needs for an attempt: they stay in
    /// the schedule, so that they are not lost with the worker. Returns `false` when the application
    /// stopped.
    async fn next(&self, worker: usize, taken: &mut Taken) -> bool {
        let lifecycle = &self.shared.lifecycle;
        loop {
            if lifecycle.is_stopped() {
                return false;
            }
            if self.take(worker, taken).is_ok() {
                return true;
            }
            // Enlisting comes before the second look, so that no notification falls in between.
            let mut work = pin!(self.work.notified());
            work.as_mut().enable();
            let look_again = match self.take(worker, taken) {
                Ok(()) => {
                    // The notification may have been meant for another delivery.
                    self.work.notify_one();
                    return true;
                }
                Err(look_again) => look_again,
            };
            tokio::select! {
                biased;
                () = lifecycle.stopped() => return false,
                () = work => {}
                () = sleep_until(look_again.map(|at| self.clock().by_tokio(at))) => {}
            }
        }
    }

    /// Takes what is next, or says when to look again if no notification comes first.
    ///
    /// A worker takes nothing that it would have to keep while it waits: what may not begin yet stays
    /// queued, and a shutdown finds it there.
    fn take(&self, worker: usize, taken: &mut Taken) -> Result<(), NotReady> {
        let mut state = self.state();
        let State { schedule, limits } = &mut *state;
        if schedule.next_due().is_some() {
            schedule.wake(self.clock().instant().into_std());
        }
        if !schedule.has_ready() {
            return Err(schedule.next_due().map(Instant::from_std));
        }
        limits.check(self.clock())?;
        let max = self.batch.map_or(1, |policy| policy.max);
        let across_tenants = self.is_across_tenants();
        // Tenants are compared themselves: two may have the same hash. An event is in a batch once.
        // By the wall clock, like the time of an event.
        let now = self.options.deliver_within.map(|_| self.clock().timestamp());
        let fit = |one: &Delivery, other: &Delivery| {
            let (first, second) = (&one.event, &other.event);
            one.route == other.route
                && self.expired(first, now).is_some() == self.expired(second, now).is_some()
                && (across_tenants || first.context().tenant() == second.context().tenant())
                && first.id() != second.id()
        };
        let pick = |count| self.shared.chance.as_ref().map_or(0, |chance| chance.pick(count));
        let entries = schedule.take(worker, max, across_tenants, pick, fit);
        if !entries.iter().all(|entry| entry.item.receipt.origin.may_begin()) {
            drop(state);
            return Err(Some(self.release_taken(worker)));
        }
        copy(entries, taken);
        taken.outcomes.extend(entries.iter().filter_map(|entry| {
            let expired = self.expired(&entry.item.event, now)?;
            Some(Outcome::expired(AttemptError::Rejected(expired)))
        }));
        if taken.outcomes.is_empty() {
            limits.begin(worker, self.clock());
        } else {
            // No attempt begins.
            taken.items_mut().iter_mut().for_each(|item| item.attempt -= 1);
        }
        let others_wait = schedule.next_due().is_some()
            || (schedule.has_ready() && (limits.are_timed() || max > 1));
        drop(state);
        if others_wait {
            // This worker may have been the only one that waited for the time of the next attempt.
            self.work.notify_one();
        }
        Ok(())
    }

    /// Why `event` is not attempted at this time, if it is too old.
    fn expired(&self, event: &AnyEvent, now: Option<Timestamp>) -> Option<Rejection> {
        let (limit, now) = (self.options.deliver_within?, now?);
        let age = now.duration_since(event.occurred_at());
        let is_over = u128::try_from(age.as_nanos()).is_ok_and(|age| age > limit.as_nanos());
        is_over.then(|| Rejection::expired(age, limit))
    }

    /// What `worker` has taken is not attempted: its origins take it back, or it is taken again later. Returns when.
    fn release_taken(&self, worker: usize) -> Instant {
        let step = |_, delivery: &Delivery| {
            if delivery.receipt.origin.takes_back() { Step::Finish } else { Step::Return }
        };
        let mut released = Vec::new();
        self.state().schedule.settle(worker, step, |_, delivery| released.push(delivery));
        for delivery in &released {
            delivery.settle(Verdict::Release);
        }
        self.clock().instant() + if released.is_empty() { LOOK_AGAIN } else { Duration::ZERO }
    }

    /// The receipt of what `worker` has taken at this index.
    fn receipt(&self, worker: usize, at: usize) -> Option<Receipt> {
        Some(self.state().schedule.taken(worker).get(at)?.item.receipt.clone())
    }

    /// Copies what `worker` has taken.
    fn copy_taken(&self, worker: usize, taken: &mut Taken) {
        copy(self.state().schedule.taken(worker), taken);
    }

    fn is_across_tenants(&self) -> bool {
        self.batch.is_some_and(|policy| policy.across_tenants)
    }

    /// What `worker` has taken goes on by its outcomes. Gives what is finished, the last one first.
    fn settle(&self, worker: usize, taken: &mut Taken) {
        let Taken { items, outcomes, finished, .. } = taken;
        let finished = RefCell::new(finished);
        let is_taken_back = Cell::new(false);
        let step = |at: usize, delivery: &Delivery| {
            let Outcome { step, error, retry_in, .. } = &outcomes[at];
            if let (Step::Retry(_) | Step::RetryAlone(_), Some(error)) = (step, error) {
                let (attempts, wait) = (items[at].attempt, retry_in.unwrap_or_default());
                delivery.settle(Verdict::Retry { attempts, wait, error });
            }
            // Its delivery has ended, and the schedule keeps a copy in its place.
            if *step == Step::Block {
                finished.borrow_mut().push((at, delivery.clone()));
            }
            if *step != Step::Finish && delivery.receipt.origin.takes_back() {
                is_taken_back.set(true);
            }
            *step
        };
        let finish = |at, delivery| finished.borrow_mut().push((at, delivery));
        let ready = self.state().schedule.settle(worker, step, finish);
        for _ in 0..ready.min(self.options.concurrency) {
            self.work.notify_one();
        }
        if is_taken_back.get() {
            self.release_waiting();
        }
    }

    /// An attempt of `worker` has ended. It is a failure if all of its deliveries failed.
    fn count(&self, worker: usize, outcomes: &[Outcome]) {
        let Some(policy) = self.options.breaker else { return };
        let counted = if outcomes.iter().any(|outcome| outcome.error.is_none()) {
            Counted::Success
        } else if outcomes.iter().any(|outcome| outcome.is_failure(policy.counts_all)) {
            Counted::Failure
        } else {
            Counted::Neither
        };
        let change = self.state().limits.end(worker, counted, self.clock());
        let handler = &*self.name;
        match change {
            Some(Change::Opened { cooldown }) => tracing::warn!(
                handler,
                ?cooldown,
                "too many attempts in a row have failed: the circuit breaker is open"
            ),
            Some(Change::Closed) => {
                tracing::info!(handler, "the circuit breaker is closed again");
            }
            None => {}
        }
        self.work.notify_waiters();
    }

    /// Lets no attempt begin from now on, or lets them begin again. Returns whether that is a change.
    pub(crate) fn pause(&self, pause: bool) -> bool {
        let was_paused = std::mem::replace(&mut self.state().limits.is_paused, pause);
        if was_paused && !pause {
            self.work.notify_waiters();
        }
        self.shared.lifecycle.note_change();
        was_paused != pause
    }

    /// The application's clock was moved: what is due now begins.
    pub(crate) fn note_time(&self) {
        self.work.notify_waiters();
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.lifecycle.clock
    }

    /// Whether the circuit breaker lets no attempt begin, or one alone.
    pub(crate) fn is_broken(&self) -> bool {
        self.state()
            .limits
            .breaker_state(self.clock())
            .is_some_and(|state| state != BreakerState::Closed)
    }

    pub(crate) fn status(&self, waiting_publishers: usize) -> HandlerStatus {
        let state = self.state();
        let State { schedule, limits } = &*state;
        let published = schedule.iter_waiting().map(|delivery| delivery.event.occurred_at());
        HandlerStatus {
            state: if limits.is_paused { HandlerState::Paused } else { HandlerState::Running },
            breaker: limits.breaker_state(self.clock()),
            queued: schedule.queued(),
            running: schedule.running(),
            retrying: schedule.retrying(),
            waiting_publishers,
            blocked_keys: schedule.iter_blocking().count(),
            oldest_waiting: published.min(),
        }
    }

    /// How many deliveries wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().schedule.waiting()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.state().limits.is_paused
    }

    /// How many deliveries wait in vain: all of a paused handler, or those behind dead letters that block their order keys;
    /// and whether these are all that the lane has.
    pub(crate) fn waiting_in_vain(&self) -> (usize, bool) {
        let State { schedule, limits } = &*self.state();
        if limits.is_paused {
            return (schedule.waiting(), true);
        }
        let behind = schedule.behind_blocking();
        (behind, behind > 0 && behind == schedule.waiting() && schedule.running() == 0)
    }

    /// Whether deliveries wait.
    pub(crate) fn has_work(&self) -> bool {
        !self.state().schedule.is_empty()
    }

    /// Empties the lane: everything is given back, and returned with where it was.
    pub(crate) fn drain(&self) -> Vec<(Entry<Delivery>, DeliveryState)> {
        let drained = self.state().schedule.drain();
        for (entry, _) in &drained {
            entry.item.settle(Verdict::Release);
        }
        drained
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies what an attempt needs of `entries`, at least one.
fn copy(entries: &[Entry<Delivery>], taken: &mut Taken) {
    taken.route = entries.first().map_or(0, |entry| entry.item.route);
    taken.items_mut().extend(
        entries
            .iter()
            .map(|entry| Item::new(entry.item.event.clone(), entry.keys.order, entry.attempts + 1)),
    );
}
