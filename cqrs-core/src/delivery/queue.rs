//! The deliveries of one lane: in order per entity, otherwise as they come.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::outcome::{DeliveryState, HandlerOutcome};
use crate::handler::ErasedEventHandler;
use crate::lifecycle::InFlight;
use crate::message::AnyEvent;

/// One event on its way to one handler.
pub(super) struct Delivery {
    pub(super) event: AnyEvent,
    pub(super) handler: Arc<dyn ErasedEventHandler>,
    /// Tenant and entity, hashed. Two entities with one key merely wait for each other.
    pub(super) key: Option<u64>,
    /// How many attempts have been made.
    pub(super) attempts: u32,
    /// Tests only: this is the second time.
    pub(super) repeated: bool,
    /// Who waits for the outcome.
    pub(super) waiter: Option<oneshot::Sender<HandlerOutcome>>,
    /// The room it takes in its lane; none if it was admitted from inside a handler.
    pub(super) _room: Option<OwnedSemaphorePermit>,
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
/// Of each key at most one delivery is ready, running or delayed; the others stand `behind` it.
#[derive(Default)]
pub(super) struct LaneQueue {
    ready: VecDeque<Delivery>,
    behind: FxHashMap<u64, VecDeque<Delivery>>,
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
        if let Some(key) = delivery.key {
            if let Some(behind) = self.behind.get_mut(&key) {
                behind.push_back(delivery);
                return false;
            }
            self.behind.insert(key, VecDeque::new());
        }
        self.ready.push_back(delivery);
        true
    }

    /// The next turn for `worker`; `pick` chooses among the ready ones.
    pub(super) fn take(
        &mut self,
        worker: usize,
        pick: impl FnOnce(usize) -> usize,
    ) -> Option<Turn> {
        self.wake_delayed();
        let chosen = if self.ready.is_empty() {
            return None;
        } else {
            pick(self.ready.len())
        };
        let delivery = match chosen {
            0 => self.ready.pop_front(),
            chosen => self.ready.remove(chosen),
        }?;
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
        if let Some(key) = delivery.key {
            match self.behind.get_mut(&key).and_then(VecDeque::pop_front) {
                Some(next) => {
                    self.ready.push_back(next);
                    became_ready = true;
                }
                None => {
                    self.behind.remove(&key);
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

    /// Makes `worker`'s delivery again from the start, before the next one of its entity.
    pub(super) fn repeat(&mut self, worker: usize) {
        if let Some(delivery) = self.running[worker].take() {
            self.ready.push_front(Delivery { attempts: 0, repeated: true, ..delivery });
        }
    }

    /// `worker` is gone without having finished.
    pub(super) fn give_back(&mut self, worker: usize) {
        if let Some(delivery) = self.running[worker].take() {
            self.ready.push_front(delivery);
        }
    }

    pub(super) fn running(&mut self, worker: usize) -> Option<&mut Delivery> {
        self.running[worker].as_mut()
    }

    /// When the next delayed delivery is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.peek().map(|Reverse(delayed)| delayed.due)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.delayed.is_empty()
    }

    /// Everything that is not running.
    #[cfg(feature = "metrics")]
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Delivery> {
        let behind = self.behind.values().flatten();
        let delayed = self.delayed.iter().map(|Reverse(delayed)| &delayed.delivery);
        self.ready.iter().chain(behind).chain(delayed)
    }

    /// Empties the queue and says what was in it.
    pub(super) fn drain(&mut self) -> Vec<(Delivery, DeliveryState)> {
        let running = self.running.iter_mut().filter_map(Option::take);
        let running = running.map(|delivery| (delivery, DeliveryState::Running));
        let delayed = self.delayed.drain();
        let delayed = delayed.map(|Reverse(delayed)| (delayed.delivery, DeliveryState::Retrying));
        let behind = self.behind.drain().flat_map(|(_, behind)| behind);
        let queued = self.ready.drain(..).chain(behind);
        let queued = queued.map(|delivery| (delivery, DeliveryState::Queued));
        running.chain(delayed).chain(queued).collect()
    }

    fn wake_delayed(&mut self) {
        if self.delayed.is_empty() {
            return;
        }
        let now = Instant::now();
        while self.next_due().is_some_and(|due| due <= now) {
            if let Some(Reverse(delayed)) = self.delayed.pop() {
                self.ready.push_back(delayed.delivery);
            }
        }
    }
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
