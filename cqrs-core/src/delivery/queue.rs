//! The deliveries of one lane: in order per entity, otherwise in turns of tenants.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::fair::Fair;
use super::outcome::{DeliveryState, HandlerOutcome};
use super::room::Place;
use crate::handler::ErasedEventHandler;
use crate::lifecycle::InFlight;
use crate::message::AnyEvent;

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
    /// From 1.
    pub(super) attempt: u32,
}

/// The deliveries of one lane.
///
/// Of each entity at most one delivery is ready, running or delayed; the others stand `behind` it.
#[derive(Default)]
pub(super) struct LaneQueue {
    ready: Fair<Delivery>,
    behind: FxHashMap<u64, VecDeque<Delivery>>,
    /// How many stand behind others.
    followers: usize,
    delayed: BinaryHeap<Reverse<Delayed>>,
    delays: u64,
    /// By worker.
    running: Vec<Option<Delivery>>,
}

impl LaneQueue {
    pub(super) fn new(workers: usize) -> Self {
        Self { running: (0..workers).map(|_| None).collect(), ..Self::default() }
    }

    /// Says whether a worker has something to do now.
    pub(super) fn push(&mut self, delivery: Delivery) -> bool {
        if let Some(entity) = delivery.keys.entity {
            if let Some(behind) = self.behind.get_mut(&entity) {
                behind.push_back(delivery);
                self.followers += 1;
                return false;
            }
            self.behind.insert(entity, VecDeque::new());
        }
        self.ready.push_back(delivery.keys.tenant, delivery);
        true
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
        let turn = Turn {
            event: delivery.event.clone(),
            handler: Arc::clone(&delivery.handler),
            attempt: delivery.attempts + 1,
        };
        self.running[worker] = Some(delivery);
        Some(turn)
    }

    /// `worker`'s delivery is over. Says whether the next one of its entity is ready.
    pub(super) fn finish(&mut self, worker: usize) -> Option<(Delivery, bool)> {
        let delivery = self.running[worker].take()?;
        let mut became_ready = false;
        if let Some(entity) = delivery.keys.entity {
            match self.behind.get_mut(&entity).and_then(VecDeque::pop_front) {
                Some(next) => {
                    self.followers -= 1;
                    self.ready.push_back(next.keys.tenant, next);
                    became_ready = true;
                }
                None => {
                    self.behind.remove(&entity);
                }
            }
        }
        Some((delivery, became_ready))
    }

    /// `worker`'s delivery is to be tried again at `due`.
    pub(super) fn delay(&mut self, worker: usize, due: Instant) {
        if let Some(mut delivery) = self.running[worker].take() {
            delivery.attempts += 1;
            self.delays += 1;
            self.delayed.push(Reverse(Delayed { due, number: self.delays, delivery }));
        }
    }

    /// Makes ready what is due by `now`.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.next_due().is_some_and(|due| due <= now) {
            if let Some(Reverse(Delayed { delivery, .. })) = self.delayed.pop() {
                self.ready.push_back(delivery.keys.tenant, delivery);
            }
        }
    }

    /// Makes `worker`'s delivery again from the start, before the next one of its entity.
    pub(super) fn repeat(&mut self, worker: usize) {
        if let Some(delivery) = self.running[worker].take() {
            let again = Delivery { attempts: 0, repeated: true, ..delivery };
            self.ready.push_front(again.keys.tenant, again);
        }
    }

    /// `worker` is gone without having finished.
    pub(super) fn give_back(&mut self, worker: usize) {
        if let Some(delivery) = self.running[worker].take() {
            self.ready.push_front(delivery.keys.tenant, delivery);
        }
    }

    pub(super) fn running(&mut self, worker: usize) -> Option<&mut Delivery> {
        self.running[worker].as_mut()
    }

    /// When the next delayed delivery is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.peek().map(|Reverse(delayed)| delayed.due)
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.delayed.is_empty()
    }

    /// How many wait for their turn or for their next attempt.
    pub(super) fn waiting(&self) -> usize {
        self.ready.len() + self.followers + self.delayed.len()
    }

    /// Looks at every delivery.
    pub(super) fn counts(&self) -> Counts {
        let behind = self.behind.values().flatten();
        let delayed = self.delayed.iter().map(|Reverse(delayed)| &delayed.delivery);
        let waiting = self.ready.iter().chain(behind).chain(delayed);
        Counts {
            queued: self.ready.len() + self.followers,
            running: self.running.iter().flatten().count(),
            retrying: self.delayed.len(),
            oldest: waiting.map(|delivery| delivery.event.occurred_at()).min(),
        }
    }

    /// Empties the queue and says what was in it.
    pub(super) fn drain(&mut self) -> Vec<(Delivery, DeliveryState)> {
        let running = self.running.iter_mut().filter_map(Option::take);
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
