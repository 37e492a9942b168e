//! What holds for a lane's queue, whatever is done to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::queue::{Delivery, Keys, LaneQueue};
use crate::context::Context;
use crate::handler::{BoxFuture, ErasedEventHandler, HandlerResult};
use crate::message::{AnyEvent, Event};
use crate::runtime::Lifecycle;

pub(super) const WORKERS: usize = 3;

#[derive(Serialize, Deserialize)]
pub(super) struct Numbered(pub(super) u32);

impl Event for Numbered {
    const NAME: &'static str = "numbered";
}

pub(super) struct Unused;

impl ErasedEventHandler for Unused {
    fn handle<'a>(&'a self, _: &'a AnyEvent, _: &'a Context) -> BoxFuture<'a, HandlerResult> {
        Box::pin(async { Ok(()) })
    }
}

pub(super) fn number(event: &AnyEvent) -> u32 {
    event.downcast_ref::<Numbered>().expect("numbered").0
}

#[derive(Debug, Clone)]
enum Step {
    Push { tenant: u64, entity: Option<u64> },
    Take { worker: usize, pick: usize },
    Finish { worker: usize },
    Delay { worker: usize, milliseconds: u64 },
    Repeat { worker: usize },
    GiveBack { worker: usize },
    Advance { milliseconds: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (worker, milliseconds) = (0..WORKERS, 0..50_u64);
    let step = prop_oneof![
        4 => (0..4_u64, prop::option::of(0..3_u64))
            .prop_map(|(tenant, entity)| Step::Push { tenant, entity }),
        4 => (worker.clone(), any::<prop::sample::Index>())
            .prop_map(|(worker, pick)| Step::Take { worker, pick: pick.index(4) }),
        2 => worker.clone().prop_map(|worker| Step::Finish { worker }),
        1 => (worker.clone(), milliseconds.clone())
            .prop_map(|(worker, milliseconds)| Step::Delay { worker, milliseconds }),
        1 => worker.clone().prop_map(|worker| Step::Repeat { worker }),
        1 => worker.prop_map(|worker| Step::GiveBack { worker }),
        1 => milliseconds.prop_map(|milliseconds| Step::Advance { milliseconds }),
    ];
    prop::collection::vec(step, 0..120)
}

/// A queue beside what must be true of it.
struct Checked {
    queue: LaneQueue,
    lifecycle: Arc<Lifecycle>,
    handler: Arc<dyn ErasedEventHandler>,
    now: Instant,
    pushed: u32,
    finished: BTreeSet<u32>,
    /// Of each entity, what is not finished, in the order in which it came.
    order: BTreeMap<u64, VecDeque<u32>>,
    entities: BTreeMap<u32, u64>,
    busy: [Option<u32>; WORKERS],
    attempts: BTreeMap<u32, u32>,
}

impl Checked {
    fn new() -> Self {
        Self {
            queue: LaneQueue::new(WORKERS, None),
            lifecycle: Arc::default(),
            handler: Arc::new(Unused),
            now: Instant::now(),
            pushed: 0,
            finished: BTreeSet::new(),
            order: BTreeMap::new(),
            entities: BTreeMap::new(),
            busy: [None; WORKERS],
            attempts: BTreeMap::new(),
        }
    }

    fn push(&mut self, tenant: u64, entity: Option<u64>) {
        let number = self.pushed;
        self.pushed += 1;
        let entity = entity.map(|entity| tenant * 100 + entity);
        if let Some(entity) = entity {
            self.order.entry(entity).or_default().push_back(number);
            self.entities.insert(number, entity);
        }
        self.queue.push(Delivery {
            event: AnyEvent::new(Context::system(), Numbered(number)),
            handler: Arc::clone(&self.handler),
            keys: Keys { tenant, entity },
            attempts: 0,
            repeated: false,
            alone: false,
            due: None,
            waiter: None,
            _place: None,
            _in_flight: self.lifecycle.enter(),
        });
    }

    fn take(&mut self, worker: usize, pick: usize) {
        if self.busy[worker].is_some() {
            return;
        }
        let Some(turn) = self.queue.take(worker, |count| pick % count) else { return };
        let number = number(&turn.event);
        assert!(!self.finished.contains(&number), "{number} was finished already");
        assert!(!self.busy.contains(&Some(number)), "{number} runs already");
        if let Some(entity) = self.entities.get(&number) {
            assert_eq!(self.order[entity].front(), Some(&number), "not its turn");
        }
        assert_eq!(turn.attempt, self.attempts.get(&number).unwrap_or(&0) + 1);
        self.busy[worker] = Some(number);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Push { tenant, entity } => self.push(tenant, entity),
            Step::Take { worker, pick } => self.take(worker, pick),
            Step::Finish { worker } => {
                let finished = self.queue.finish(worker).map(|(it, _)| number(&it.event));
                assert_eq!(finished, self.busy[worker].take());
                if let Some(number) = finished {
                    self.finished.insert(number);
                    if let Some(entity) = self.entities.get(&number) {
                        self.order.get_mut(entity).expect("pushed").pop_front();
                    }
                }
            }
            Step::Delay { worker, milliseconds } => {
                self.queue.delay(worker, self.now + Duration::from_millis(milliseconds));
                if let Some(number) = self.busy[worker].take() {
                    *self.attempts.entry(number).or_default() += 1;
                }
            }
            Step::Repeat { worker } => {
                self.queue.repeat(worker);
                if let Some(number) = self.busy[worker].take() {
                    self.attempts.insert(number, 0);
                }
            }
            Step::GiveBack { worker } => {
                self.queue.give_back(worker);
                self.busy[worker] = None;
            }
            Step::Advance { milliseconds } => {
                self.now += Duration::from_millis(milliseconds);
                self.queue.wake(self.now);
                assert!(self.queue.next_due().is_none_or(|due| due > self.now));
            }
        }
        self.check_counts();
    }

    fn check_counts(&self) {
        let counts = self.queue.counts();
        let unfinished = self.pushed as usize - self.finished.len();
        assert_eq!(counts.running, self.busy.iter().flatten().count());
        assert_eq!(counts.queued + counts.retrying, self.queue.waiting());
        assert_eq!(counts.running + self.queue.waiting(), unfinished, "lost or doubled");
        assert_eq!(counts.oldest.is_some(), self.queue.waiting() > 0);
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_and_entities_keep_their_order(steps in steps()) {
        let mut checked = Checked::new();
        for step in &steps {
            checked.step(step);
        }
        let drained = checked.queue.drain();
        let left: BTreeSet<_> = drained.iter().map(|(delivery, _)| number(&delivery.event)).collect();
        prop_assert_eq!(left.len(), drained.len());
        prop_assert!(left.is_disjoint(&checked.finished));
        prop_assert_eq!(left.len() + checked.finished.len(), checked.pushed as usize);
        prop_assert_eq!((checked.queue.waiting(), checked.queue.is_empty()), (0, true));
    }

    #[test]
    fn what_is_left_can_be_finished(steps in steps()) {
        let mut checked = Checked::new();
        for step in &steps {
            checked.step(step);
        }
        checked.step(&Step::Advance { milliseconds: 60_000 });
        for _ in 0..checked.pushed {
            for worker in 0..WORKERS {
                checked.step(&Step::Take { worker, pick: 0 });
                checked.step(&Step::Finish { worker });
            }
        }
        prop_assert_eq!(checked.finished.len(), checked.pushed as usize);
    }

    /// The bound: of each other tenant at most one delivery comes first.
    #[test]
    fn no_tenant_waits_for_more_than_one_delivery_of_each_other(
        backlog in prop::collection::vec(1_usize..200, 1..20),
        arrivals in prop::collection::vec(0..20_u64, 0..200),
    ) {
        let mut checked = Checked::new();
        let mut ready: BTreeMap<u64, usize> = BTreeMap::new();
        for (tenant, count) in (0_u64..).zip(&backlog) {
            for _ in 0..*count {
                checked.push(tenant, None);
            }
            ready.insert(tenant, *count);
        }
        let mut passed_over: BTreeMap<u64, usize> = BTreeMap::new();
        let mut arrivals = arrivals.into_iter();
        while ready.values().any(|count| *count > 0) {
            if let Some(tenant) = arrivals.next() {
                checked.push(tenant, None);
                *ready.entry(tenant).or_default() += 1;
            }
            checked.take(0, 0);
            let (delivery, _) = checked.queue.finish(0).expect("there is one");
            checked.busy[0] = None;
            let taken = delivery.keys.tenant;
            *ready.get_mut(&taken).expect("it was ready") -= 1;
            passed_over.insert(taken, 0);
            for (tenant, _) in ready.iter().filter(|(tenant, count)| **tenant != taken && **count > 0) {
                let passed_over = passed_over.entry(*tenant).or_default();
                *passed_over += 1;
                prop_assert!(*passed_over <= 20, "tenant {} was passed over", tenant);
            }
        }
    }
}
