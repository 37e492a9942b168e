//! Which item a lane takes next: in order within an order key, and otherwise tenant by tenant. Pure data.

mod fair;
mod blocking;
#[cfg(test)]
mod properties;

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Instant;

use rustc_hash::FxHashMap;

pub(crate) use self::fair::Fair;

/// The tenant and the order key of an item, as hashes. Two tenants with the same hash share their turns;
/// two order keys with the same hash wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) tenant: u64,
    /// Items with the same key are taken in order, one at a time. `None` if there is no order.
    pub(crate) order: Option<u64>,
}

/// One item of a schedule.
pub(crate) struct Entry<T> {
    pub(crate) item: T,
    pub(crate) keys: Keys,
    /// How many attempts have failed.
    pub(crate) attempts: u32,
    /// The position in the order in which items were added.
    number: u64,
    /// Whether it failed in a batch, and is taken alone from now on.
    is_alone: bool,
    /// Whether it was taken before; it then comes before items that were not.
    has_returned: bool,
    /// The earliest time of its next attempt.
    due: Option<Instant>,
    /// Whether it is finished, and keeps those behind it waiting all the same.
    is_blocking: bool,
}

/// What to do with an item that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It leaves the schedule.
    Finish,
    /// It is finished, and those of its order key wait until it is [resumed](Schedule::resume) or
    /// [removed](Schedule::remove_blocking). It must have an order key.
    Block,
    /// It failed, and is taken again at that time.
    Retry(Instant),
    /// It failed in a batch, and is taken again alone: now, or at that time.
    RetryAlone(Option<Instant>),
    /// It is taken again, and this does not count as an attempt.
    Return,
}

/// The state of a delivery that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// It waits for a worker, or for earlier deliveries of its order key.
    Queued,
    /// Its handler is running.
    Running,
    /// It waits for its next attempt.
    Retrying,
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "waiting for its next attempt",
        })
    }
}

/// The items of one handler.
///
/// Of each order key, either at most one item is ready, delayed or blocking and none is taken, or a worker has taken
/// one item, or several in order. The others are behind. An item that is blocking is finished: it does not count as waiting.
pub(crate) struct Schedule<T> {
    ready: Fair<Entry<T>>,
    /// The order keys that have items.
    orders: FxHashMap<u64, Ordered<T>>,
    /// How many items wait behind others of their order key.
    followers: usize,
    /// By when they are due, then by their number.
    delayed: BTreeMap<(Instant, u64), Entry<T>>,
    /// The first items of order keys, by their number, that are finished and that the others of their key wait for.
    blocking: BTreeMap<u64, Entry<T>>,
    /// What each worker has taken.
    taken: Vec<Vec<Entry<T>>>,
    numbers: u64,
    /// Empty between calls, so that its capacity is reused.
    firsts: Vec<Entry<T>>,
}

/// The items of one order key.
struct Ordered<T> {
    /// How many are ready, delayed, blocking or taken.
    out: usize,
    behind: VecDeque<Entry<T>>,
}

// What runs for every delivery is marked as inline: otherwise each change elsewhere decides anew whether items
// are copied for a call.
impl<T> Schedule<T> {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            ready: Fair::default(),
            orders: FxHashMap::default(),
            followers: 0,
            delayed: BTreeMap::new(),
            blocking: BTreeMap::new(),
            taken: (0..workers).map(|_| Vec::new()).collect(),
            numbers: 0,
            firsts: Vec::new(),
        }
    }

    /// Adds an item. Returns whether it is ready.
    #[inline]
    pub(crate) fn push(&mut self, item: T, keys: Keys) -> bool {
        self.push_again(item, keys, 0, None)
    }

    /// Adds an item of which so many attempts have failed, and which is due later if `due` says so. Returns whether
    /// it is ready.
    pub(crate) fn push_again(
        &mut self,
        item: T,
        keys: Keys,
        attempts: u32,
        due: Option<Instant>,
    ) -> bool {
        let entry = self.entry(item, keys);
        self.add(Entry { attempts, due, ..entry })
    }

    fn entry(&mut self, item: T, keys: Keys) -> Entry<T> {
        self.numbers += 1;
        Entry {
            item,
            keys,
            attempts: 0,
            number: self.numbers,
            is_alone: false,
            has_returned: false,
            due: None,
            is_blocking: false,
        }
    }

    #[inline]
    fn add(&mut self, entry: Entry<T>) -> bool {
        if let Some(order) = entry.keys.order {
            match self.orders.entry(order) {
                Slot::Occupied(mut ordered) => {
                    self.followers += entry.weight();
                    ordered.get_mut().behind.push_back(entry);
                    return false;
                }
                Slot::Vacant(slot) => {
                    slot.insert(Ordered { out: 1, behind: VecDeque::new() });
                }
            }
        }
        let is_ready = entry.due.is_none() && !entry.is_blocking;
        self.make_ready(entry);
        is_ready
    }

    /// Removes the items that wait and that `is_meant` accepts. Blocking ones are removed too, and not returned.
    pub(crate) fn remove_waiting(&mut self, is_meant: impl Fn(&T) -> bool) -> Vec<T> {
        let delayed = std::mem::take(&mut self.delayed).into_iter();
        let delayed = delayed.map(|((due, _), entry)| Entry { due: Some(due), ..entry });
        let blocking = std::mem::take(&mut self.blocking).into_values();
        let mut waiting: Vec<_> = self.ready.drain().chain(delayed).chain(blocking).collect();
        for order in waiting.iter().filter_map(|entry| entry.keys.order) {
            if let Some(ordered) = self.orders.get_mut(&order) {
                ordered.out -= 1;
            }
        }
        waiting.extend(self.orders.values_mut().flat_map(|ordered| ordered.behind.drain(..)));
        self.followers = 0;
        self.orders.retain(|_, ordered| ordered.out > 0);
        waiting.sort_unstable_by_key(|entry| entry.number);
        let (removed, kept): (Vec<_>, _) =
            waiting.into_iter().partition(|entry| is_meant(&entry.item));
        for entry in kept {
            self.add(entry);
        }
        removed.into_iter().filter(|entry| !entry.is_blocking).map(|entry| entry.item).collect()
    }

    /// Lets `worker`, which has no items, take one to `max` items: ready ones, and those behind them. They
    /// are of one tenant, or, with `across_tenants`, of any. `pick` chooses the first from the ready ones;
    /// number 0 is next by turn. The others must `fit` the first, or the one that they are behind. Returns
    /// the items, or none if nothing is ready.
    #[inline]
    pub(crate) fn take(
        &mut self,
        worker: usize,
        max: usize,
        across_tenants: bool,
        pick: impl FnOnce(usize) -> usize,
        fit: impl Fn(&T, &T) -> bool,
    ) -> &[Entry<T>] {
        let Self { ready, orders, followers, taken, .. } = self;
        let taken = &mut taken[worker];
        if ready.is_empty() {
            return taken;
        }
        let Some((tenant, first)) = ready.take_at(pick(ready.len())) else { return taken };
        let is_alone = first.is_alone;
        taken.push(first);
        if max == 1 || is_alone {
            return taken;
        }

        let mut others = Vec::new();
        let first = &taken[0];
        let fit = |one: &Entry<T>, other: &Entry<T>| !other.is_alone && fit(&one.item, &other.item);
        let fits = |entry: &Entry<T>| fit(first, entry);
        if across_tenants {
            ready.take_some_in_turns(max - 1, fits, |entry| others.push(entry));
        } else {
            ready.take_some_of(tenant, max - 1, fits, |entry| others.push(entry));
        }
        // The items behind them, in the order of each order key.
        for leader in 0..=others.len() {
            let mut before = leader.checked_sub(1);
            let order = before.map_or(first.keys, |at| others[at].keys).order;
            let Some(ordered) = order.and_then(|order| orders.get_mut(&order)) else { continue };
            while others.len() + 1 < max
                && let Some(next) = ordered.behind.pop_front_if(|next| {
                    let before = before.map_or(first, |at| &others[at]);
                    next.due.is_none() && !next.is_blocking && fit(before, next)
                })
            {
                *followers -= 1;
                ordered.out += 1;
                before = Some(others.len());
                others.push(next);
            }
        }
        taken.append(&mut others);
        taken
    }

    /// What `worker` has taken.
    pub(crate) fn taken(&self, worker: usize) -> &[Entry<T>] {
        &self.taken[worker]
    }

    /// Settles what `worker` has taken: the item at each index by its `step`. Passes the finished ones on,
    /// the last one first, and returns how many items became ready.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        worker: usize,
        step: impl Fn(usize, &T) -> Step,
        mut finish: impl FnMut(usize, T),
    ) -> usize {
        let ready_before = self.ready.len();
        let Self { orders, followers, taken, firsts, .. } = self;
        for (at, mut entry) in taken[worker].drain(..).enumerate().rev() {
            let step = step(at, &entry.item);
            let order = entry.keys.order;
            let mut again = None;
            if step == Step::Finish {
                finish(at, entry.item);
            } else {
                entry.go_on(step);
                again = Some(entry);
            }
            let Some(order) = order else {
                firsts.extend(again);
                continue;
            };
            let Slot::Occupied(mut slot) = orders.entry(order) else { continue };
            let ordered = slot.get_mut();
            ordered.out -= 1;
            if let Some(entry) = again {
                *followers += entry.weight();
                ordered.behind.push_front(entry);
            }
            // The next item follows when all that were taken with this key are settled.
            if ordered.out == 0 {
                if let Some(next) = ordered.behind.pop_front() {
                    *followers -= next.weight();
                    ordered.out = 1;
                    firsts.push(next);
                } else {
                    slot.remove();
                }
            }
        }
        // Items that are taken again come before the others of their tenant, in their old order, so the
        // last one is added first.
        firsts.sort_unstable_by_key(|entry| entry.number);
        while let Some(entry) = self.firsts.pop() {
            self.make_ready(entry);
        }
        self.ready.len().saturating_sub(ready_before)
    }

    #[inline]
    fn make_ready(&mut self, mut entry: Entry<T>) {
        match entry.due.take() {
            _ if entry.is_blocking => drop(self.blocking.insert(entry.number, entry)),
            Some(due) => drop(self.delayed.insert((due, entry.number), entry)),
            None if entry.has_returned => self.ready.push_front(entry.keys.tenant, entry),
            None => self.ready.push_back(entry.keys.tenant, entry),
        }
    }

    /// Makes the items ready that are due by `now`.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(first) = self.delayed.first_entry().filter(|first| first.key().0 <= now) {
            let entry = first.remove();
            self.ready.push_back(entry.keys.tenant, entry);
        }
    }

    /// When the next delayed item is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((due, _), _)| *due)
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether no item waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    /// How many items wait, for a worker or for their next attempt.
    pub(crate) fn waiting(&self) -> usize {
        self.queued() + self.retrying()
    }

    pub(crate) fn queued(&self) -> usize {
        self.ready.len() + self.followers
    }

    pub(crate) fn running(&self) -> usize {
        self.taken.iter().map(Vec::len).sum()
    }

    pub(crate) fn retrying(&self) -> usize {
        self.delayed.len()
    }

    /// All items that wait.
    pub(crate) fn iter_waiting(&self) -> impl Iterator<Item = &T> {
        let behind = self.orders.values().flat_map(|ordered| &ordered.behind);
        let all = self.ready.iter().chain(behind).chain(self.delayed.values());
        all.filter(|entry| !entry.is_blocking).map(|entry| &entry.item)
    }

    /// Empties the schedule, and returns every item that is not finished with its state.
    pub(crate) fn drain(&mut self) -> Vec<(Entry<T>, DeliveryState)> {
        let taken = self.taken.iter_mut().flat_map(std::mem::take);
        let taken = taken.map(|entry| (entry, DeliveryState::Running));
        let delayed = std::mem::take(&mut self.delayed).into_values();
        let delayed = delayed.map(|entry| (entry, DeliveryState::Retrying));
        let behind = self.orders.drain().flat_map(|(_, ordered)| ordered.behind);
        let queued = self.ready.drain().chain(behind);
        let queued = queued.map(|entry| (entry, DeliveryState::Queued));
        self.followers = 0;
        self.blocking.clear();
        let all = taken.chain(delayed).chain(queued);
        all.filter(|(entry, _)| !entry.is_blocking).collect()
    }
}

impl<T> Entry<T> {
    /// What it adds to the number of those that wait.
    fn weight(&self) -> usize {
        usize::from(!self.is_blocking)
    }

    fn go_on(&mut self, step: Step) {
        self.has_returned = true;
        match step {
            Step::Block => self.is_blocking = true,
            Step::Retry(due) => {
                self.attempts += 1;
                self.due = Some(due);
            }
            Step::RetryAlone(due) => {
                self.attempts += 1;
                self.is_alone = true;
                self.due = due;
            }
            Step::Return | Step::Finish => {}
        }
    }
}
