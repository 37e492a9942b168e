//! Properties of a schedule after any operations, checked against a model.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Keys, Schedule, Step};

const WORKERS: usize = 3;
const MAX: usize = 5;

/// An item. Only items of one group fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    number: usize,
    tenant: u64,
    order: Option<u64>,
    group: bool,
}

#[derive(Debug, Clone)]
enum Action {
    Push {
        tenant: u64,
        order: Option<u64>,
        group: bool,
    },
    Take {
        worker: usize,
        pick: usize,
    },
    Settle {
        worker: usize,
        steps: Vec<u8>,
    },
    Advance {
        milliseconds: u64,
    },
    PushBlocking {
        tenant: u64,
        order: u64,
    },
    Resume(prop::sample::Index),
    RemoveBlocking(prop::sample::Index),
    /// Removes what waits and is of this group.
    RemoveWaiting {
        group: bool,
    },
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        8 => (0..4_u64, prop::option::of(0..3_u64), any::<bool>())
            .prop_map(|(tenant, order, group)| Action::Push { tenant, order, group }),
        4 => (0..WORKERS, 0..4_usize).prop_map(|(worker, pick)| Action::Take { worker, pick }),
        4 => (0..WORKERS, prop::collection::vec(0..9_u8, 0..=MAX))
            .prop_map(|(worker, steps)| Action::Settle { worker, steps }),
        1 => (0..50_u64).prop_map(|milliseconds| Action::Advance { milliseconds }),
        1 => (0..4_u64, 0..3_u64).prop_map(|(tenant, order)| Action::PushBlocking { tenant, order }),
        1 => any::<prop::sample::Index>().prop_map(Action::Resume),
        1 => any::<prop::sample::Index>().prop_map(Action::RemoveBlocking),
        1 => any::<bool>().prop_map(|group| Action::RemoveWaiting { group }),
    ];
    prop::collection::vec(action, 0..150)
}

/// A schedule, and the model to compare it with.
struct Checked {
    schedule: Schedule<Item>,
    max: usize,
    across_tenants: bool,
    now: Instant,
    pushed: usize,
    finished: BTreeSet<usize>,
    /// Those that keep the later ones of their order key waiting.
    blocking: BTreeSet<usize>,
    items: Vec<Item>,
    /// The unfinished or blocking items of each order key, in the order in which they were added.
    orders: BTreeMap<u64, VecDeque<usize>>,
    taken: [Vec<Item>; WORKERS],
    attempts: BTreeMap<usize, u32>,
    alone: BTreeSet<usize>,
}

impl Checked {
    fn new(max: usize, across_tenants: bool) -> Self {
        Self {
            schedule: Schedule::new(WORKERS),
            max,
            across_tenants,
            now: Instant::now(),
            pushed: 0,
            finished: BTreeSet::new(),
            blocking: BTreeSet::new(),
            items: Vec::new(),
            orders: BTreeMap::new(),
            taken: Default::default(),
            attempts: BTreeMap::new(),
            alone: BTreeSet::new(),
        }
    }

    fn push(&mut self, tenant: u64, order: Option<u64>, group: bool) {
        let item = self.item(tenant, order, group);
        self.schedule.push(item, Keys { tenant, order: item.order });
    }

    fn item(&mut self, tenant: u64, order: Option<u64>, group: bool) -> Item {
        let order = order.map(|order| tenant * 100 + order);
        let item = Item { number: self.pushed, tenant, order, group };
        if let Some(order) = order {
            self.orders.entry(order).or_default().push_back(item.number);
        }
        self.pushed += 1;
        self.items.push(item);
        item
    }

    fn take(&mut self, worker: usize, pick: usize) {
        if !self.taken[worker].is_empty() {
            return;
        }
        let fit = |a: &Item, b: &Item| a.group == b.group;
        let entries =
            self.schedule.take(worker, self.max, self.across_tenants, |count| pick % count, fit);
        let items: Vec<_> = entries.iter().map(|entry| entry.item).collect();
        let attempts: Vec<_> = entries.iter().map(|entry| entry.attempts).collect();
        assert!(items.len() <= self.max);
        let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
        for (item, attempts) in items.iter().zip(attempts) {
            assert!(!self.finished.contains(&item.number), "{item:?} was finished");
            assert!(!self.blocking.contains(&item.number), "{item:?} is blocking");
            assert!(!self.taken.iter().flatten().any(|it| it == item), "{item:?} is taken already");
            assert_eq!(attempts, self.attempts.get(&item.number).copied().unwrap_or(0));
            if let Some(order) = item.order {
                let position = seen.entry(order).or_default();
                assert_eq!(self.orders[&order][*position], item.number, "{item:?} is out of order");
                *position += 1;
                let others = self.taken.iter().flatten();
                assert!(
                    !others.clone().any(|it| it.order == Some(order)),
                    "two workers have its key"
                );
            }
            assert!(fit(&items[0], item), "it does not fit");
            assert!(self.across_tenants || item.tenant == items[0].tenant, "another tenant");
            assert!(items.len() == 1 || !self.alone.contains(&item.number), "not alone");
        }
        self.taken[worker] = items;
    }

    fn settle(&mut self, worker: usize, codes: &[u8]) {
        let items = self.taken[worker].iter().map(Some).chain(std::iter::repeat(None));
        let steps = codes.iter().zip(items).map(|(code, item)| match self.step(*code) {
            Step::Block if item.is_some_and(|it| it.order.is_none()) => Step::Finish,
            step => step,
        });
        let steps: Vec<_> = steps.collect();
        let mut finished = Vec::new();
        let step = |at: usize, _: &Item| steps.get(at).copied().unwrap_or(Step::Return);
        self.schedule.settle(worker, step, |at, item| finished.insert(0, (at, item)));
        let mut expected = Vec::new();
        for (at, item) in std::mem::take(&mut self.taken[worker]).into_iter().enumerate() {
            match steps.get(at) {
                Some(Step::Finish) => {
                    self.finish(item);
                    expected.push((at, item));
                }
                Some(Step::Block) => drop(self.blocking.insert(item.number)),
                Some(Step::Retry(_)) => *self.attempts.entry(item.number).or_default() += 1,
                Some(Step::RetryAlone(_)) => {
                    *self.attempts.entry(item.number).or_default() += 1;
                    self.alone.insert(item.number);
                }
                Some(Step::Return) | None => {}
            }
        }
        assert_eq!(finished, expected);
    }

    fn finish(&mut self, item: Item) {
        self.finished.insert(item.number);
        self.blocking.remove(&item.number);
        if let Some(order) = item.order.and_then(|it| self.orders.get_mut(&it)) {
            order.retain(|number| *number != item.number);
        }
    }

    /// One of those that are blocking, and whether no other one of its order key is before it or taken.
    fn pick_blocking(&self, index: prop::sample::Index) -> Option<(Item, bool)> {
        let blocking: Vec<_> = self.blocking.iter().copied().collect();
        let number = (!blocking.is_empty()).then(|| *index.get(&blocking))?;
        let item = self.items[number];
        let is_taken = self.taken.iter().flatten().any(|it| it.order == item.order);
        let first = self.orders[&item.order.expect("a key")].front();
        Some((item, first == Some(&number) && !is_taken))
    }

    fn resume(&mut self, index: prop::sample::Index) {
        let Some((item, is_first)) = self.pick_blocking(index) else { return };
        assert_eq!(self.schedule.resume(|it| *it == item, |_| ()), is_first);
        if is_first {
            self.blocking.remove(&item.number);
            self.attempts.remove(&item.number);
        }
    }

    fn remove_blocking(&mut self, index: prop::sample::Index) {
        let Some((item, is_first)) = self.pick_blocking(index) else { return };
        assert_eq!(self.schedule.remove_blocking(|it| *it == item), is_first);
        if is_first {
            self.finish(item);
        }
    }

    fn remove_waiting(&mut self, group: bool) {
        let removed = self.schedule.remove_waiting(|item| item.group == group);
        let taken: Vec<_> = self.taken.iter().flatten().copied().collect();
        let waiting = self.items.clone().into_iter().filter(|item| {
            item.group == group && !self.finished.contains(&item.number) && !taken.contains(item)
        });
        let waiting: Vec<_> = waiting.collect();
        let is_blocking = |item: &&Item| self.blocking.contains(&item.number);
        let expected: Vec<_> = waiting.iter().filter(|it| !is_blocking(it)).copied().collect();
        assert_eq!(removed, expected);
        for item in waiting {
            self.finish(item);
        }
    }

    fn step(&self, code: u8) -> Step {
        let later = self.now + Duration::from_millis(u64::from(code) * 7);
        match code {
            0..=3 => Step::Finish,
            4 => Step::Retry(later),
            5 => Step::RetryAlone(None),
            6 => Step::RetryAlone(Some(later)),
            7 => Step::Block,
            _ => Step::Return,
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Push { tenant, order, group } => self.push(*tenant, *order, *group),
            Action::Take { worker, pick } => self.take(*worker, *pick),
            Action::Settle { worker, steps } => self.settle(*worker, steps),
            Action::Advance { milliseconds } => {
                self.now += Duration::from_millis(*milliseconds);
                self.schedule.wake(self.now);
                assert!(self.schedule.next_due().is_none_or(|due| due > self.now));
            }
            Action::PushBlocking { tenant, order } => {
                let item = self.item(*tenant, Some(*order), false);
                self.blocking.insert(item.number);
                self.schedule.push_blocking(item, Keys { tenant: *tenant, order: item.order });
            }
            Action::Resume(index) => self.resume(*index),
            Action::RemoveBlocking(index) => self.remove_blocking(*index),
            Action::RemoveWaiting { group } => self.remove_waiting(*group),
        }
        assert_eq!(self.schedule.running(), self.taken.iter().flatten().count());
        assert_eq!(self.schedule.iter_waiting().count(), self.schedule.waiting());
        let behind: usize = (self.schedule.iter_blocking())
            .map(|blocking| self.orders[&blocking.order.expect("a key")].iter())
            .map(|order| order.filter(|it| !self.blocking.contains(it)).count())
            .sum();
        assert_eq!(self.schedule.behind_blocking(), behind);
        let unfinished = self.pushed - self.finished.len() - self.blocking.len();
        assert_eq!(
            self.schedule.running() + self.schedule.waiting(),
            unfinished,
            "lost or doubled"
        );
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_and_each_key_keeps_its_order(
        actions in actions(),
        max in 1..=MAX,
        across_tenants in any::<bool>(),
    ) {
        let mut checked = Checked::new(max, across_tenants);
        for action in &actions {
            checked.act(action);
        }
        let drained = checked.schedule.drain();
        let left: BTreeSet<_> = drained.iter().map(|(entry, _)| entry.item.number).collect();
        prop_assert_eq!(left.len(), drained.len());
        prop_assert!(left.is_disjoint(&checked.finished));
        prop_assert!(left.is_disjoint(&checked.blocking));
        prop_assert_eq!(left.len() + checked.finished.len() + checked.blocking.len(), checked.pushed);
        prop_assert!(checked.schedule.is_empty());
    }

    #[test]
    fn what_is_left_can_be_finished(actions in actions(), max in 1..=MAX) {
        let mut checked = Checked::new(max, false);
        for action in &actions {
            checked.act(action);
        }
        checked.act(&Action::Advance { milliseconds: 60_000 });
        for _ in 0..checked.pushed {
            checked.act(&Action::Advance { milliseconds: 0 });
            for worker in 0..WORKERS {
                checked.act(&Action::Take { worker, pick: 0 });
                checked.act(&Action::Settle { worker, steps: vec![0; MAX] });
            }
            for blocking in checked.blocking.clone() {
                if checked.schedule.remove_blocking(|it| it.number == blocking) {
                    checked.finish(checked.items[blocking]);
                }
            }
        }
        prop_assert_eq!(checked.finished.len(), checked.pushed);
    }

    #[test]
    fn of_each_other_tenant_at_most_one_item_comes_first(
        backlog in prop::collection::vec(1_usize..200, 1..20),
        arrivals in prop::collection::vec(0..20_u64, 0..200),
    ) {
        let mut checked = Checked::new(1, false);
        let mut ready: BTreeMap<u64, usize> = BTreeMap::new();
        for (tenant, count) in (0_u64..).zip(&backlog) {
            for _ in 0..*count {
                checked.push(tenant, None, false);
            }
            ready.insert(tenant, *count);
        }
        let mut passed_over: BTreeMap<u64, usize> = BTreeMap::new();
        let mut arrivals = arrivals.into_iter();
        while ready.values().any(|count| *count > 0) {
            if let Some(tenant) = arrivals.next() {
                checked.push(tenant, None, false);
                *ready.entry(tenant).or_default() += 1;
            }
            checked.take(0, 0);
            let tenant = checked.taken[0][0].tenant;
            checked.settle(0, &[0]);
            *ready.get_mut(&tenant).expect("it was ready") -= 1;
            passed_over.insert(tenant, 0);
            for (other, _) in ready.iter().filter(|(it, count)| **it != tenant && **count > 0) {
                let passed_over = passed_over.entry(*other).or_default();
                *passed_over += 1;
                prop_assert!(*passed_over <= 20, "tenant {other} was passed over");
            }
        }
    }
}
