//! What holds for a lane's queue of batches, whatever is done to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::queue::{Delivery, Fate, Keys, LaneQueue};
use super::queue_properties::{Numbered, Unused, WORKERS, number};
use crate::context::Context;
use crate::handler::{BatchPolicy, ErasedEventHandler};
use crate::message::AnyEvent;
use crate::runtime::Lifecycle;

/// What a handler of batches does to its queue.
#[derive(Debug, Clone)]
enum BatchStep {
    Push { tenant: u64, entity: Option<u64>, other_route: bool, gathers: bool },
    Take { worker: usize, pick: usize },
    End { worker: usize, fates: Vec<u8> },
    GiveBack { worker: usize },
    Advance { milliseconds: u64 },
    EndGathering,
}

fn batch_steps() -> impl Strategy<Value = Vec<BatchStep>> {
    let worker = 0..WORKERS;
    let step = prop_oneof![
        8 => (0..3_u64, prop::option::of(0..3_u64), any::<bool>(), any::<bool>()).prop_map(
            |(tenant, entity, other_route, gathers)| {
                BatchStep::Push { tenant, entity, other_route, gathers }
            }
        ),
        3 => (worker.clone(), 0..4_usize)
            .prop_map(|(worker, pick)| BatchStep::Take { worker, pick }),
        3 => (worker.clone(), prop::collection::vec(0..8_u8, 6))
            .prop_map(|(worker, fates)| BatchStep::End { worker, fates }),
        1 => worker.prop_map(|worker| BatchStep::GiveBack { worker }),
        2 => (0..30_u64).prop_map(|milliseconds| BatchStep::Advance { milliseconds }),
        1 => Just(BatchStep::EndGathering),
    ];
    prop::collection::vec(step, 0..150)
}

/// A queue of batches beside what must be true of it.
struct CheckedBatches {
    queue: LaneQueue,
    policy: BatchPolicy,
    lifecycle: Arc<Lifecycle>,
    routes: [Arc<dyn ErasedEventHandler>; 2],
    tenants: [Context; 3],
    now: Instant,
    pushed: BTreeMap<u32, (u64, Option<u64>, bool)>,
    finished: BTreeSet<u32>,
    /// Of each entity, what is not finished, in the order in which it came.
    order: BTreeMap<u64, VecDeque<u32>>,
    busy: [Vec<u32>; WORKERS],
    alone: BTreeSet<u32>,
    not_before: BTreeMap<u32, Instant>,
}

impl CheckedBatches {
    fn new(policy: BatchPolicy) -> Self {
        Self {
            queue: LaneQueue::new(WORKERS, Some(policy)),
            policy,
            lifecycle: Arc::default(),
            routes: [Arc::new(Unused), Arc::new(Unused)],
            tenants: ["a", "b", "c"].map(|id| Context::for_tenant(id).expect("valid")),
            now: Instant::now(),
            pushed: BTreeMap::new(),
            finished: BTreeSet::new(),
            order: BTreeMap::new(),
            busy: Default::default(),
            alone: BTreeSet::new(),
            not_before: BTreeMap::new(),
        }
    }

    fn push(&mut self, tenant: u64, entity: Option<u64>, other_route: bool, gathers: bool) {
        let number = u32::try_from(self.pushed.len()).expect("few");
        let entity = entity.map(|entity| tenant * 100 + entity);
        self.pushed.insert(number, (tenant, entity, other_route));
        if let Some(entity) = entity {
            self.order.entry(entity).or_default().push_back(number);
        }
        let context = self.tenants[usize::try_from(tenant).expect("small")].for_event();
        let delivery = Delivery {
            event: AnyEvent::new(context, Numbered(number)),
            handler: Arc::clone(&self.routes[usize::from(other_route)]),
            keys: Keys { tenant, entity },
            attempts: 0,
            repeated: false,
            alone: false,
            due: None,
            waiter: None,
            _place: None,
            _in_flight: self.lifecycle.enter(),
        };
        if gathers {
            self.queue.gather(delivery, self.now);
        } else {
            self.queue.push(delivery);
        }
    }

    fn take(&mut self, worker: usize, pick: usize) {
        if !self.busy[worker].is_empty() {
            return;
        }
        let policy = self.policy;
        let Some(turns) = self.queue.take_batch(worker, &policy, |count| pick % count) else {
            return;
        };
        let numbers: Vec<_> = turns.iter().map(|turn| number(&turn.event)).collect();
        assert!((1..=policy.max()).contains(&numbers.len()));
        let (tenant, _, route) = self.pushed[&numbers[0]];
        let mut begun: BTreeMap<u64, usize> = BTreeMap::new();
        for number in &numbers {
            let (of, entity, by) = self.pushed[number];
            assert!(policy.is_across_tenants() || of == tenant, "tenants are mixed");
            assert_eq!(by, route, "impls are mixed");
            assert!(!self.finished.contains(number), "{number} was finished already");
            assert!(!self.busy.concat().contains(number), "{number} runs already");
            assert!(!self.alone.contains(number) || numbers.len() == 1, "{number} is not alone");
            assert!(
                self.not_before.get(number).is_none_or(|at| *at <= self.now),
                "{number}: early"
            );
            if let Some(entity) = entity {
                let position = begun.entry(entity).or_default();
                assert_eq!(self.order[&entity].get(*position), Some(number), "not its turn");
                *position += 1;
            }
        }
        self.busy[worker] = numbers;
    }

    /// Ends a batch as a worker may: what stands behind one that comes again is not finished.
    fn end(&mut self, worker: usize, draws: &[u8]) {
        let mut held = BTreeSet::new();
        let mut fates = Vec::new();
        let numbers = std::mem::take(&mut self.busy[worker]);
        for (at, number) in numbers.iter().enumerate() {
            let due = self.now + Duration::from_millis(u64::from(*number) % 20);
            let entity = self.pushed[number].1;
            let is_held = entity.is_some_and(|entity| held.contains(&entity));
            let fate = match draws[at % draws.len()] {
                0 => Fate::Retry(due),
                1 => Fate::Alone(None),
                2 => Fate::Alone(Some(due)),
                3 => Fate::Repeat,
                4 => Fate::Postponed,
                _ if is_held => Fate::Postponed,
                _ => Fate::Finished,
            };
            self.not_before.remove(number);
            match fate {
                Fate::Retry(due) | Fate::Alone(Some(due)) => {
                    self.not_before.insert(*number, due);
                }
                _ => {}
            }
            match fate {
                Fate::Alone(_) => drop(self.alone.insert(*number)),
                Fate::Repeat => drop(self.alone.remove(number)),
                _ => {}
            }
            if fate == Fate::Finished {
                self.finished.insert(*number);
                let order = entity.and_then(|entity| self.order.get_mut(&entity));
                if let Some(order) = order {
                    order.retain(|it| it != number);
                }
            } else {
                held.extend(entity);
            }
            fates.push(fate);
        }
        let (finished, _) = self.queue.end_batch(worker, &fates);
        let finished: Vec<_> =
            finished.iter().map(|delivery| self::number(&delivery.event)).collect();
        let expected = numbers.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Finished);
        assert_eq!(finished, expected.map(|(number, _)| *number).collect::<Vec<_>>());
    }

    fn step(&mut self, step: &BatchStep) {
        match step {
            BatchStep::Push { tenant, entity, other_route, gathers } => {
                self.push(*tenant, *entity, *other_route, *gathers);
            }
            BatchStep::Take { worker, pick } => self.take(*worker, *pick),
            BatchStep::End { worker, fates } => self.end(*worker, fates),
            BatchStep::GiveBack { worker } => {
                self.queue.give_back(*worker);
                self.busy[*worker].clear();
            }
            BatchStep::Advance { milliseconds } => {
                self.now += Duration::from_millis(*milliseconds);
                self.queue.wake(self.now);
                assert!(self.queue.next_due().is_none_or(|due| due > self.now));
            }
            BatchStep::EndGathering => drop(self.queue.end_gathering()),
        }
        let counts = self.queue.counts();
        assert_eq!(counts.running, self.busy.concat().len());
        assert_eq!(counts.queued + counts.retrying, self.queue.waiting());
        let unfinished = self.pushed.len() - self.finished.len();
        assert_eq!(counts.running + self.queue.waiting(), unfinished, "lost or doubled");
        assert_eq!(counts.oldest.is_some(), self.queue.waiting() > 0);
    }
}

fn policies() -> impl Strategy<Value = BatchPolicy> {
    (1..7_usize, 0..20_u64, any::<bool>()).prop_map(|(max, linger, across_tenants)| {
        let policy = BatchPolicy::new(max).linger(Duration::from_millis(linger));
        if across_tenants { policy.across_tenants() } else { policy }
    })
}

proptest! {
    #[test]
    fn in_batches_nothing_is_lost_or_doubled_and_entities_keep_their_order(
        policy in policies(),
        steps in batch_steps(),
    ) {
        let mut checked = CheckedBatches::new(policy);
        for step in &steps {
            checked.step(step);
        }
        let drained = checked.queue.drain();
        let left: BTreeSet<_> = drained.iter().map(|(delivery, _)| number(&delivery.event)).collect();
        prop_assert_eq!(left.len(), drained.len());
        prop_assert!(left.is_disjoint(&checked.finished));
        prop_assert_eq!(left.len() + checked.finished.len(), checked.pushed.len());
        prop_assert_eq!((checked.queue.waiting(), checked.queue.is_empty()), (0, true));
    }

    #[test]
    fn in_batches_what_is_left_can_be_finished(policy in policies(), steps in batch_steps()) {
        let mut checked = CheckedBatches::new(policy);
        for step in &steps {
            checked.step(step);
        }
        for _ in 0..=checked.pushed.len() {
            checked.step(&BatchStep::Advance { milliseconds: 60_000 });
            for worker in 0..WORKERS {
                checked.step(&BatchStep::Take { worker, pick: 0 });
                checked.step(&BatchStep::End { worker, fates: vec![7] });
            }
        }
        prop_assert_eq!(checked.finished.len(), checked.pushed.len());
    }
}
