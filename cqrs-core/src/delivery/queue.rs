//! The deliveries of one lane: in order per entity, otherwise in turns of tenants.

mod batches;
mod gathering;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(super) use self::batches::Fate;
use self::gathering::Gathering;
use super::fair::Fair;
use super::outcome::{DeliveryState, HandlerOutcome};
use super::room::Place;
use crate::handler::{BatchPolicy, ErasedEventHandler};
use crate::message::AnyEvent;
use crate::runtime::InFlight;

/// Whose a delivery is, hashed. Two tenants with one key merely share their turns; two entities with
/// one key merely wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) tenant: u64,
    /// Tenant and entity; none if the event has no entity id, and with it no order.
    pub(super) entity: Option<u64>,
}

/// One event on its way to one handler.
pub(super) struct Delivery {
    pub(super) event: AnyEvent,
    pub(super) handler: Arc<dyn ErasedEventHandler>,
    pub(super) keys: Keys,
    /// How many attempts have been made.
    pub(super) attempts: u32,
    /// Tests only: this is the second time.
    pub(super) repeated: bool,
    /// It has failed together with others, and is in no batch with any again.
    pub(super) alone: bool,
    /// Not before this, once those of its entity before it are done.
    pub(super) due: Option<Instant>,
    /// Who waits for the outcome.
    pub(super) waiter: Option<oneshot::Sender<HandlerOutcome>>,
    /// The room it takes in its lane; none if it was admitted from inside a handler.
    pub(super) _place: Option<Place>,
    pub(super) _in_flight: InFlight,
}

/// What a worker needs to run one attempt. The delivery itself stays in the queue, so that it is not
/// lost with the worker.
pub(super) struct Turn {
    pub(super) event: AnyEvent,
    pub(super) handler: Arc<dyn ErasedEventHandler>,
    pub(super) keys: Keys,
    /// From 1.
    pub(super) attempt: u32,
    /// Tests only: this is the second time.
    pub(super) repeated: bool,
}

impl Turn {
    fn of(delivery: &Delivery) -> Self {
        Self {
            event: delivery.event.clone(),
            handler: Arc::clone(&delivery.handler),
            keys: delivery.keys,
            attempt: delivery.attempts + 1,
            repeated: delivery.repeated,
        }
    }
}

/// The deliveries of one lane.
///
/// Of each entity at most one delivery is ready, gathering or delayed, and then none is running; or those
/// of one batch are running. The others stand `behind`.
#[derive(Default)]
pub(super) struct LaneQueue {
    ready: Fair<Delivery>,
    /// Where batches linger.
    gathering: Option<Gathering>,
    behind: FxHashMap<u64, VecDeque<Delivery>>,
    /// How many stand behind others.
    followers: usize,
    delayed: BinaryHeap<Reverse<Delayed>>,
    delays: u64,
    /// By worker: one, or those of a batch.
    running: Vec<Vec<Delivery>>,
}

impl LaneQueue {
    pub(super) fn new(workers: usize, batch: Option<BatchPolicy>) -> Self {
        let lingers = batch.filter(|policy| !policy.longest_linger().is_zero());
        let running = (0..workers).map(|_| Vec::new()).collect();
        Self { running, gathering: lingers.map(Gathering::new), ..Self::default() }
    }

    /// Says whether a worker has something to do now.
    pub(super) fn push(&mut self, delivery: Delivery) -> bool {
        if let Some(entity) = delivery.keys.entity {
            if let Some(behind) = self.behind.get_mut(&entity) {
                let full = self.gathering.as_mut().and_then(|it| it.followed_by(&delivery));
                behind.push_back(delivery);
                self.followers += 1;
                return full.is_some_and(|full| self.make_ready(full));
            }
            self.behind.insert(entity, VecDeque::new());
        }
        self.ready.push_back(delivery.keys.tenant, delivery);
        true
    }

    /// As [`push`](Self::push), but lets the delivery wait for others to make a batch with. Says whether a
    /// worker has something to do, if only to watch the clock.
    pub(super) fn gather(&mut self, delivery: Delivery, now: Instant) -> bool {
        let has_followers = |entity| self.behind.contains_key(&entity);
        let is_behind = delivery.keys.entity.is_some_and(has_followers);
        let Some(gathering) = self.gathering.as_mut().filter(|_| !is_behind) else {
            return self.push(delivery);
        };
        if let Some(entity) = delivery.keys.entity {
            self.behind.insert(entity, VecDeque::new());
        }
        let watched = gathering.next_end();
        match gathering.push(delivery, now) {
            Some(full) => self.make_ready(full),
            None => watched.is_none(),
        }
    }

    /// Ends all waiting for others. Says whether there was any.
    pub(super) fn end_gathering(&mut self) -> bool {
        let all = self.gathering.as_mut().map(Gathering::take_all);
        all.is_some_and(|all| self.make_ready(all))
    }

    fn make_ready(&mut self, deliveries: Vec<Delivery>) -> bool {
        let are_any = !deliveries.is_empty();
        for delivery in deliveries {
            self.ready.push_back(delivery.keys.tenant, delivery);
        }
        are_any
    }

    /// The next turn for `worker`; `pick` chooses among the ready ones, of which the first is the one
    /// whose turn it is.
    pub(super) fn take(
        &mut self,
        worker: usize,
        pick: impl FnOnce(usize) -> usize,
    ) -> Option<Turn> {
        if self.ready.is_empty() {
            return None;
        }
        let delivery = self.ready.take_at(pick(self.ready.len()))?;
        let turn = Turn::of(&delivery);
        self.running[worker].push(delivery);
        Some(turn)
    }

    /// `worker`'s delivery is over. Says whether the next one of its entity is ready.
    pub(super) fn finish(&mut self, worker: usize) -> Option<(Delivery, bool)> {
        let delivery = self.running[worker].pop()?;
        let became_ready = delivery.keys.entity.is_some_and(|entity| self.promote(entity));
        Some((delivery, became_ready))
    }

    /// Nothing of `entity` runs any more. Says whether the next one of it is ready.
    fn promote(&mut self, entity: u64) -> bool {
        let Some(mut next) = self.behind.get_mut(&entity).and_then(VecDeque::pop_front) else {
            self.behind.remove(&entity);
            return false;
        };
        self.followers -= 1;
        // If that is over, it is woken at once.
        if let Some(due) = next.due.take() {
            self.put_off(next, due);
            return false;
        }
        self.ready.push_back(next.keys.tenant, next);
        true
    }

    fn put_off(&mut self, delivery: Delivery, due: Instant) {
        self.delays += 1;
        self.delayed.push(Reverse(Delayed { due, number: self.delays, delivery }));
    }

    /// `worker`'s delivery is to be tried again at `due`.
    pub(super) fn delay(&mut self, worker: usize, due: Instant) {
        if let Some(mut delivery) = self.running[worker].pop() {
            delivery.attempts += 1;
            self.put_off(delivery, due);
        }
    }

    /// Makes ready what is due by `now`.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.delayed.peek().is_some_and(|Reverse(delayed)| delayed.due <= now) {
            if let Some(Reverse(Delayed { delivery, .. })) = self.delayed.pop() {
                self.ready.push_back(delivery.keys.tenant, delivery);
            }
        }
        while let Some(ended) = self.gathering.as_mut().and_then(|it| it.take_ended(now)) {
            self.make_ready(ended);
        }
    }

    /// Makes `worker`'s delivery again from the start, before the next one of its entity.
    pub(super) fn repeat(&mut self, worker: usize) {
        if let Some(delivery) = self.running[worker].pop() {
            let again = Delivery { attempts: 0, repeated: true, ..delivery };
            self.ready.push_front(again.keys.tenant, again);
        }
    }

    /// `worker` is gone without having finished.
    pub(super) fn give_back(&mut self, worker: usize) {
        self.end_batch(worker, &[]);
    }

    pub(super) fn running(&mut self, worker: usize) -> &mut [Delivery] {
        &mut self.running[worker]
    }

    /// When the next delayed delivery is due, or the next one has waited for others for long enough.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let delayed = self.delayed.peek().map(|Reverse(delayed)| delayed.due);
        let gathered = self.gathering.as_ref().and_then(Gathering::next_end);
        [delayed, gathered].into_iter().flatten().min()
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.delayed.is_empty() && self.gathered() == 0
    }

    /// How many wait for their turn or for their next attempt.
    pub(super) fn waiting(&self) -> usize {
        self.ready.len() + self.gathered() + self.followers + self.delayed.len()
    }

    fn gathered(&self) -> usize {
        self.gathering.as_ref().map_or(0, Gathering::len)
    }

    /// Looks at every delivery.
    pub(super) fn counts(&self) -> Counts {
        let behind = self.behind.values().flatten();
        let delayed = self.delayed.iter().map(|Reverse(delayed)| &delayed.delivery);
        let gathered = self.gathering.iter().flat_map(Gathering::iter);
        let waiting = self.ready.iter().chain(gathered).chain(behind).chain(delayed);
        Counts {
            queued: self.ready.len() + self.gathered() + self.followers,
            running: self.running.iter().map(Vec::len).sum(),
            retrying: self.delayed.len(),
            oldest: waiting.map(|delivery| delivery.event.occurred_at()).min(),
        }
    }

    /// Empties the queue and says what was in it.
    pub(super) fn drain(&mut self) -> Vec<(Delivery, DeliveryState)> {
        self.end_gathering();
        let running = self.running.iter_mut().flat_map(std::mem::take);
        let running = running.map(|delivery| (delivery, DeliveryState::Running));
        let delayed = self.delayed.drain();
        let delayed = delayed.map(|Reverse(delayed)| (delayed.delivery, DeliveryState::Retrying));
        let behind = self.behind.drain().flat_map(|(_, behind)| behind);
        let queued = self.ready.drain().chain(behind);
        let queued = queued.map(|delivery| (delivery, DeliveryState::Queued));
        self.followers = 0;
        running.chain(delayed).chain(queued).collect()
    }
}

/// How many deliveries are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) queued: usize,
    pub(super) running: usize,
    pub(super) retrying: usize,
    /// When the oldest event that waits was published.
    pub(super) oldest: Option<Timestamp>,
}

/// Ordered by when it is due, then by when it was delayed.
struct Delayed {
    due: Instant,
    number: u64,
    delivery: Delivery,
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Delayed {}
