//! How far one subscription has come on one shard. Pure data, without Tokio.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::context::TenantScope;
use crate::log::{DeadDelivery, Parked, Position};

/// How many deliveries of one subscription may be parked on one shard. A handler that fails for all events needs a
/// breaker, not more rows.
const MAX_PARKED: usize = 10_000;

/// The progress of one subscription on one shard, while this node has the shard's lease.
///
/// Each position that was read is open, settled or parked. Only those that are open or parked have an entry here:
/// every other position up to the last one that was read is settled.
///
/// A delivery that stays open would hold the checkpoint, and after a crash everything above it would be delivered
/// again. So it is parked after a while: its row goes to the store, in the same change as the checkpoint that
/// passes it. The delivery itself goes on in its lane.
#[derive(Debug)]
pub(crate) struct Tracker {
    max_open: usize,
    max_parked: usize,
    /// The last position that was read.
    read: Position,
    /// The highest position that the handler has settled.
    settled: Position,
    /// The highest position that was passed.
    passed: Position,
    open: BTreeMap<Position, Delivery>,
    /// How many were left to other owners; see [`leave`](Self::leave).
    left: usize,
    /// Those that have a row in the store, or in what is offered.
    parked: BTreeMap<Position, Delivery>,
    /// The highest position of an open delivery that has died and blocks its order key. It is parked with what is below it as
    /// soon as possible.
    blocking: Position,
    /// The settled ones that have left a done row, until the checkpoint passes them.
    done: BTreeSet<Position>,
    next: Next,
    /// What was offered and is not saved yet. Until then it stays as it is: a store that has failed may have saved it.
    offered: Option<Unsaved>,
}

/// What is to be saved: a part of a [`Change`](crate::log::Change).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Unsaved {
    pub(crate) checkpoint: Position,
    pub(crate) park: Vec<Parked>,
    pub(crate) unpark: Vec<Position>,
    pub(crate) dead: Vec<DeadDelivery>,
    pub(crate) forget_done: bool,
}

/// A delivery that is not settled.
#[derive(Debug)]
struct Delivery {
    tenant: TenantScope,
    since: Option<Instant>,
    attempts: u32,
    due: Option<Timestamp>,
    error: Option<String>,
    /// When it failed for good, if it blocks its order key since then.
    died_at: Option<Timestamp>,
}

/// What is offered next.
#[derive(Debug)]
struct Next {
    /// The checkpoint that was offered before.
    checkpoint: Position,
    /// The parked ones that the store has no row of, or an old one.
    park: BTreeSet<Position>,
    /// Those that are left to other owners.
    left: Vec<Parked>,
    unpark: Vec<Position>,
    dead: Vec<DeadDelivery>,
    /// Whether there may be done rows that nothing here knows of: those of the owner before.
    has_foreign_done: bool,
}

impl Tracker {
    /// Goes on where a [`Claim`](crate::log::Claim) says, with at most `max_open` open deliveries. The caller hands all
    /// of `parked` to a lane.
    pub(crate) fn new(
        checkpoint: Position,
        parked: Vec<(Parked, TenantScope)>,
        max_open: usize,
    ) -> Self {
        let parked = parked.into_iter().map(|(parked, tenant)| {
            let Parked { position, attempts, due, error, died_at } = parked;
            (position, Delivery { tenant, since: None, attempts, due, error, died_at })
        });
        let parked = parked.collect();
        Self { parked, ..Self::after(checkpoint, max_open.max(1), MAX_PARKED) }
    }

    /// Where everything up to `checkpoint` was read and is settled.
    fn after(checkpoint: Position, max_open: usize, max_parked: usize) -> Self {
        let next = Next {
            checkpoint,
            park: BTreeSet::new(),
            left: Vec::new(),
            unpark: Vec::new(),
            dead: Vec::new(),
            has_foreign_done: true,
        };
        Self {
            max_open,
            max_parked,
            read: checkpoint,
            settled: checkpoint,
            passed: checkpoint,
            open: BTreeMap::new(),
            left: 0,
            parked: BTreeMap::new(),
            blocking: Position::START,
            done: BTreeSet::new(),
            next,
            offered: None,
        }
    }

    /// The last position that was read.
    pub(crate) fn read_up_to(&self) -> Position {
        self.read
    }

    /// Whether everything at and below `position` was read and is settled or dead: nothing of it is tried again.
    pub(crate) fn is_settled_up_to(&self, position: Position) -> bool {
        let mut unsettled = self.open.range(..=position).chain(self.parked.range(..=position));
        self.read >= position && unsettled.all(|(_, delivery)| delivery.died_at.is_some())
    }

    /// The position at and below which everything is settled or parked. The store has it once what is
    /// offered next is saved.
    pub(crate) fn checkpoint(&self) -> Position {
        match self.open.first_key_value() {
            Some((lowest, _)) => Position(lowest.0 - 1),
            None => self.read,
        }
    }

    /// How many deliveries are open. Parked ones do not count: their number has a limit of its own.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.open.len()
    }

    /// Whether a delivery is open or parked.
    pub(crate) fn has(&self, position: Position) -> bool {
        self.open.contains_key(&position) || self.is_parked(position)
    }

    /// Whether a delivery is parked.
    pub(crate) fn is_parked(&self, position: Position) -> bool {
        self.parked.contains_key(&position)
    }

    /// Whether so many deliveries are open or parked that no more may be read.
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= self.max_open || self.parked.len() + self.left >= self.max_parked
    }

    /// Whether so few deliveries are open, after there were too many, that it is worth while to read more.
    pub(crate) fn has_room_again(&self) -> bool {
        self.open.len() <= self.max_open / 2 && !self.is_full()
    }

    /// A position was read that the handler wants. Returns `false` if it was read before: then it is in a lane, or
    /// settled.
    pub(crate) fn open(&mut self, position: Position, tenant: TenantScope, now: Instant) -> bool {
        let is_new = position > self.read;
        if is_new {
            self.read = position;
            let since = Some(now);
            let (attempts, due, error, died_at) = (0, None, None, None);
            let delivery = Delivery { tenant, since, attempts, due, error, died_at };
            self.open.insert(position, delivery);
        }
        is_new
    }

    /// A position was read that the handler does not want, or that is in another shard.
    pub(crate) fn pass(&mut self, position: Position) {
        if position > self.read {
            self.read = position;
            self.passed = position;
        }
    }

    /// A position was read that another owner of the shard has to handle, because this build cannot: it is parked, and
    /// nothing here waits for it.
    pub(crate) fn leave(&mut self, position: Position, error: String) {
        if position > self.read {
            self.read = position;
            self.left += 1;
            let (attempts, due, died_at) = (0, None, None);
            let error = Some(error);
            self.next.left.push(Parked { position, attempts, due, error, died_at });
        }
    }

    /// An attempt has failed, and there will be another one.
    pub(crate) fn retry(
        &mut self,
        position: Position,
        attempts: u32,
        due: Timestamp,
        error: String,
    ) {
        if let Some(delivery) = self.changed(position) {
            delivery.attempts = attempts;
            delivery.due = Some(due);
            delivery.error = Some(error);
        }
    }

    /// A delivery has failed for good, and blocks its order key: it stays parked until an operator changes that.
    pub(crate) fn block(
        &mut self,
        position: Position,
        attempts: u32,
        error: String,
        died_at: Timestamp,
    ) {
        if let Some(delivery) = self.changed(position) {
            delivery.attempts = attempts;
            delivery.due = None;
            delivery.error = Some(error);
            delivery.died_at = Some(died_at);
            self.blocking = self.blocking.max(position);
        }
    }

    /// A delivery that is not settled, to be changed.
    fn changed(&mut self, position: Position) -> Option<&mut Delivery> {
        if let Some(parked) = self.parked.get_mut(&position) {
            self.next.park.insert(position);
            return Some(parked);
        }
        self.open.get_mut(&position)
    }

    /// A delivery is settled. Returns `false` if it was settled before.
    pub(crate) fn settle(&mut self, position: Position) -> bool {
        if self.open.remove(&position).is_some() {
            self.settled = self.settled.max(position);
            return true;
        }
        if self.parked.remove(&position).is_none() {
            return false;
        }
        self.next.park.remove(&position);
        self.next.unpark.push(position);
        true
    }

    /// A delivery is settled, and has left a [`DoneRow`](crate::log::DoneRow).
    pub(crate) fn settle_with_done_row(&mut self, position: Position) {
        if self.settle(position) {
            self.done.insert(position);
        }
    }

    /// A delivery has failed for good.
    pub(crate) fn dead(&mut self, position: Position, dead: DeadDelivery) {
        if self.settle(position) {
            self.next.dead.push(dead);
        }
    }

    /// What to save now: what was offered before, if it is not [`saved`](Self::saved) yet.
    ///
    /// If a delivery has been open for longer than `park_after` and holds the checkpoint below positions that are
    /// settled, it is parked, with all open ones between them. If no more can be read because too many are open
    /// (`makes_room`), those that wait for one that fails are parked with it, so that they hold back no others. One that has
    /// died and blocks its order key is parked at once, with all open ones below it.
    pub(crate) fn unsaved(
        &mut self,
        now: Instant,
        park_after: Duration,
        makes_room: bool,
    ) -> Option<Unsaved> {
        if self.offered.is_none() {
            self.park(now, park_after, makes_room);
            self.offered = self.take_next();
        }
        self.offered.clone()
    }

    /// What was offered is in the store.
    pub(crate) fn saved(&mut self) {
        self.offered = None;
    }

    /// Whether something was offered that is not saved.
    pub(crate) fn is_offered(&self) -> bool {
        self.offered.is_some()
    }

    /// The checkpoint that was offered last.
    pub(crate) fn offered_checkpoint(&self) -> Position {
        self.next.checkpoint
    }

    /// The tenant with the most deliveries, if it has a quarter of them or more.
    pub(crate) fn largest_tenant(&self) -> Option<&TenantScope> {
        let mut counts = FxHashMap::default();
        for delivery in self.open.values().chain(self.parked.values()) {
            *counts.entry(&delivery.tenant).or_insert(0_usize) += 1;
        }
        let (tenant, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        (count >= (self.open.len() + self.parked.len()).div_ceil(4)).then_some(tenant)
    }

    /// Moves the deliveries of one tenant into a tracker of its own, which goes on where this one does. Nothing may be
    /// offered.
    pub(crate) fn split(&mut self, tenant: &TenantScope) -> Self {
        let mut of_tenant = Self::after(self.read, self.max_open, self.max_parked);
        let is_of = |delivery: &Delivery| delivery.tenant == *tenant;
        of_tenant.open = self.open.extract_if(.., |_, it| is_of(it)).collect();
        of_tenant.parked = self.parked.extract_if(.., |_, it| is_of(it)).collect();
        let parked = &of_tenant.parked;
        of_tenant.next.park = self.next.park.extract_if(.., |it| parked.contains_key(it)).collect();
        (of_tenant.settled, of_tenant.passed) = (self.settled, self.passed);
        of_tenant.blocking = self.blocking;
        // What the store has of all tenants, until the next change.
        of_tenant.next.checkpoint = self.next.checkpoint;
        of_tenant
    }

    /// Whether the store knows all of `other`, nothing of it is open, and what is parked has room here.
    pub(crate) fn can_take_over(&self, other: &Self) -> bool {
        let next = &other.next;
        let is_known = other.offered.is_none()
            && next.park.is_empty()
            && next.left.is_empty()
            && next.unpark.is_empty()
            && next.dead.is_empty();
        let parked = self.parked.len() + other.parked.len();
        is_known && other.open.is_empty() && parked <= self.max_parked / 2
    }

    /// Goes on with what `other` has parked.
    pub(crate) fn take_over(&mut self, other: &mut Self) {
        self.parked.append(&mut other.parked);
        self.left += other.left;
        // Its done rows are forgotten when the checkpoint has passed them.
        self.done.insert(other.read);
    }

    fn park(&mut self, now: Instant, park_after: Duration, makes_room: bool) {
        let Some((lowest, delivery)) = self.open.first_key_value() else { return };
        let has_no_room = makes_room && self.open.len() >= self.max_open;
        let is_old = delivery.since.is_none_or(|since| now.duration_since(since) >= park_after);
        // What was passed costs little to read again. So it is no reason to park what only waits for a slow
        // handler, which would be all of its backlog, row by row. But a retry can last for days.
        let up_to = match delivery.attempts {
            _ if has_no_room && (delivery.attempts > 0 || !self.parked.is_empty()) => self.read,
            0 => self.settled,
            _ => self.settled.max(self.passed),
        };
        let up_to = if is_old { up_to.max(self.blocking) } else { self.blocking };
        if *lowest > up_to {
            return;
        }
        let free = self.max_parked.saturating_sub(self.parked.len());
        let held: Vec<_> = self.open.range(..=up_to).map(|(it, _)| *it).take(free).collect();
        for position in held {
            self.parked.extend(self.open.remove_entry(&position));
            self.next.park.insert(position);
        }
    }

    fn take_next(&mut self) -> Option<Unsaved> {
        let checkpoint = self.checkpoint();
        let next = &mut self.next;
        let has_moved = checkpoint != next.checkpoint;
        if !has_moved
            && next.left.is_empty()
            && next.park.is_empty()
            && next.unpark.is_empty()
            && next.dead.is_empty()
        {
            return None;
        }
        next.checkpoint = checkpoint;
        let above = self.done.split_off(&checkpoint.next());
        let has_done = !mem::replace(&mut self.done, above).is_empty();
        let park = mem::take(&mut next.park).into_iter();
        let park = park.filter_map(|position| Some(self.parked.get(&position)?.row(position)));
        let park = park.chain(mem::take(&mut next.left));
        Some(Unsaved {
            checkpoint,
            park: park.collect(),
            unpark: mem::take(&mut next.unpark),
            dead: mem::take(&mut next.dead),
            forget_done: mem::take(&mut next.has_foreign_done) || has_done,
        })
    }
}

impl Delivery {
    fn row(&self, position: Position) -> Parked {
        let Self { attempts, due, died_at, .. } = *self;
        Parked { position, attempts, due, error: self.error.clone(), died_at }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::log::{LogEvent, LoggedEvent};

    const AFTER: Duration = Duration::from_secs(1);

    pub(crate) fn dead(position: u64) -> DeadDelivery {
        let event = LogEvent {
            id: Uuid::nil(),
            name: "employee.created".into(),
            version: 1,
            shard: 3,
            key: None,
            tenant: None,
            entity: None,
            entity_id: None,
            context: "{}".to_owned(),
            payload: "{}".to_owned(),
        };
        let event = LoggedEvent {
            position: Position(position),
            at: Timestamp::UNIX_EPOCH,
            only_for: None,
            event,
        };
        DeadDelivery { event, attempts: 3, error: "no such tenant".to_owned() }
    }

    fn row(position: u64, attempts: u32) -> Parked {
        let has_failed = attempts > 0;
        Parked {
            position: Position(position),
            attempts,
            due: has_failed.then_some(Timestamp::UNIX_EPOCH),
            error: has_failed.then(|| "refused".to_owned()),
            died_at: None,
        }
    }

    pub(crate) fn tracker(
        checkpoint: Position,
        parked: Vec<Parked>,
        max_open: usize,
        max_parked: usize,
    ) -> Tracker {
        let parked = parked.into_iter().map(|it| (it, TenantScope::System)).collect();
        Tracker { max_parked, ..Tracker::new(checkpoint, parked, max_open) }
    }

    /// A tracker with a clock.
    struct Tracked {
        tracker: Tracker,
        now: Instant,
    }

    impl Tracked {
        fn new(checkpoint: u64, parked: Vec<Parked>, max_parked: usize) -> Self {
            let tracker = tracker(Position(checkpoint), parked, 100, max_parked);
            Self { tracker, now: Instant::now() }
        }

        /// At the start of the log, with these positions open.
        fn with_open(positions: impl IntoIterator<Item = u64>) -> Self {
            let mut tracked = Self::new(0, Vec::new(), 100);
            tracked.open(positions);
            tracked
        }

        fn open(&mut self, positions: impl IntoIterator<Item = u64>) {
            for position in positions {
                assert!(self.opens(position));
            }
        }

        /// Whether it was not read before.
        fn opens(&mut self, position: u64) -> bool {
            self.tracker.open(Position(position), TenantScope::System, self.now)
        }

        fn settle(&mut self, positions: impl IntoIterator<Item = u64>) {
            for position in positions {
                self.tracker.settle(Position(position));
            }
        }

        fn retry(&mut self, position: u64, attempts: u32) {
            let Parked { position, attempts, due, error, .. } = row(position, attempts);
            self.tracker.retry(position, attempts, due.unwrap(), error.unwrap());
        }

        fn wait(&mut self) {
            self.now += AFTER;
        }

        fn unsaved(&mut self) -> Option<Unsaved> {
            self.tracker.unsaved(self.now, AFTER, true)
        }

        /// What is saved now.
        fn save(&mut self) -> Unsaved {
            let change = self.unsaved().unwrap();
            self.tracker.saved();
            change
        }
    }

    #[test]
    fn the_checkpoint_stands_before_the_lowest_open_position() {
        let mut tracked = Tracked::with_open([2, 5, 9]);
        assert_eq!(tracked.tracker.checkpoint(), Position(1));
        tracked.settle([5]);
        assert_eq!(tracked.tracker.checkpoint(), Position(1));
        tracked.settle([2]);
        assert_eq!(tracked.tracker.checkpoint(), Position(8));
        assert_eq!(tracked.tracker.in_flight(), 1);
        tracked.settle([9]);
        assert_eq!(tracked.tracker.checkpoint(), Position(9));
        assert_eq!(tracked.save().checkpoint, Position(9));
        assert!(tracked.unsaved().is_none());
    }

    #[test]
    fn what_is_passed_is_settled() {
        let mut tracked = Tracked::with_open([]);
        tracked.tracker.pass(Position(1));
        tracked.tracker.pass(Position(2));
        assert_eq!(tracked.tracker.checkpoint(), Position(2));
        tracked.open([3]);
        tracked.tracker.pass(Position(4));
        assert_eq!(tracked.save().checkpoint, Position(2));
        assert_eq!(tracked.tracker.read_up_to(), Position(4));
    }

    #[test]
    fn what_was_read_before_is_not_opened_again() {
        let mut tracked = Tracked::new(4, vec![row(2, 1)], 100);
        for before in [1, 2, 4] {
            assert!(!tracked.opens(before));
        }
        tracked.open([5, 6]);
        tracked.settle([5]);
        assert!(!tracked.opens(5) && !tracked.opens(6));
        tracked.tracker.pass(Position(6));
        assert_eq!(tracked.tracker.in_flight(), 1);
    }

    #[test]
    fn a_delivery_that_holds_the_checkpoint_is_parked_with_all_that_are_open_below_a_settled_one() {
        let mut tracked = Tracked::with_open(1..=6);
        tracked.retry(2, 1);
        tracked.settle([1, 3, 5]);
        assert_eq!(tracked.save().park, []);
        tracked.wait();
        let change = tracked.save();
        assert_eq!(change.checkpoint, Position(5));
        assert_eq!(change.park, [row(2, 1), row(4, 0)]);
        assert_eq!(tracked.tracker.in_flight(), 1);
    }

    #[test]
    fn a_delivery_with_nothing_settled_above_it_is_not_parked() {
        let mut tracked = Tracked::with_open(1..=3);
        tracked.settle([1]);
        tracked.wait();
        let change = tracked.save();
        assert_eq!((change.checkpoint, change.park), (Position(1), Vec::new()));
    }

    #[test]
    fn without_room_for_more_a_delivery_that_fails_is_parked_with_all_that_may_wait_for_it() {
        let mut tracked = Tracked::with_open([]);
        tracked.tracker.max_open = 3;
        tracked.open(1..=3);
        assert!(tracked.tracker.is_full() && !tracked.tracker.has_room_again());
        tracked.wait();
        assert!(tracked.unsaved().is_none(), "it is only slow");
        tracked.retry(1, 1);
        let change = tracked.save();
        assert_eq!((change.checkpoint, change.park.len()), (Position(3), 3));
        assert!(tracked.tracker.has_room_again());
        tracked.open(4..=6);
        tracked.wait();
        let change = tracked.save();
        assert_eq!(change.park, [row(4, 0), row(5, 0), row(6, 0)]);
    }

    #[test]
    fn what_was_passed_parks_a_delivery_that_has_failed_but_not_the_backlog_of_a_slow_handler() {
        let mut tracked = Tracked::with_open([1]);
        tracked.tracker.pass(Position(2));
        tracked.wait();
        assert!(tracked.unsaved().is_none());
        tracked.retry(1, 1);
        let change = tracked.save();
        assert_eq!((change.checkpoint, change.park), (Position(2), vec![row(1, 1)]));
    }

    #[test]
    fn another_failed_attempt_of_a_parked_delivery_updates_its_row() {
        let mut tracked = Tracked::new(4, vec![row(2, 1), row(3, 0)], 100);
        tracked.retry(2, 2);
        let change = tracked.save();
        assert_eq!((change.checkpoint, change.park), (Position(4), vec![row(2, 2)]));
    }

    #[test]
    fn a_parked_delivery_that_is_settled_loses_its_row() {
        let mut tracked = Tracked::new(4, vec![row(2, 1), row(3, 0)], 100);
        tracked.retry(2, 2);
        tracked.settle([2]);
        let change = tracked.save();
        assert_eq!((change.park, change.unpark), (Vec::new(), vec![Position(2)]));
        tracked.settle([2]);
        assert!(tracked.unsaved().is_none());
    }

    #[test]
    fn a_dead_delivery_leaves_with_the_checkpoint_that_passes_it_or_with_its_row() {
        let mut tracked = Tracked::new(4, vec![row(2, 1)], 100);
        tracked.open([5]);
        tracked.tracker.dead(Position(5), dead(5));
        tracked.tracker.dead(Position(2), dead(2));
        tracked.tracker.dead(Position(2), dead(2));
        let change = tracked.save();
        assert_eq!((change.checkpoint, change.unpark), (Position(5), vec![Position(2)]));
        assert_eq!(change.dead, [dead(5), dead(2)]);
    }

    #[test]
    fn a_position_is_settled_when_nothing_up_to_it_is_open_or_parked() {
        let mut tracked = Tracked::new(4, vec![row(2, 1)], 100);
        assert!(!tracked.tracker.is_settled_up_to(Position(4)));
        assert!(tracked.tracker.settle(Position(2)));
        assert!(tracked.tracker.is_settled_up_to(Position(4)));
        tracked.open([5]);
        assert!(!tracked.tracker.is_settled_up_to(Position(5)));
        assert!(tracked.tracker.settle(Position(5)));
        assert!(!tracked.tracker.settle(Position(5)), "it was settled before");
        assert!(tracked.tracker.is_settled_up_to(Position(5)));
        assert!(!tracked.tracker.is_settled_up_to(Position(6)), "it was not read yet");
    }

    #[test]
    fn what_is_left_to_another_owner_is_parked_and_not_waited_for() {
        let mut tracked = Tracked::new(0, Vec::new(), 2);
        tracked.tracker.leave(Position(1), "it has version 2".to_owned());
        tracked.tracker.leave(Position(1), "it has version 2".to_owned());
        let change = tracked.save();
        let row = Parked { error: Some("it has version 2".to_owned()), ..row(1, 0) };
        assert_eq!((change.checkpoint, change.park), (Position(1), vec![row]));
        assert!(tracked.tracker.is_settled_up_to(Position(1)) && !tracked.tracker.is_full());
        tracked.tracker.leave(Position(2), "it has version 2".to_owned());
        assert!(tracked.tracker.is_full());
    }

    #[test]
    fn a_full_tracker_parks_no_more_and_says_that_reading_must_stop() {
        let mut tracked = Tracked::new(0, Vec::new(), 2);
        tracked.open(1..=4);
        tracked.settle([4]);
        tracked.wait();
        let change = tracked.save();
        assert_eq!((change.checkpoint, change.park), (Position(2), vec![row(1, 0), row(2, 0)]));
        assert!(tracked.tracker.is_full());
        assert!(tracked.unsaved().is_none());
        tracked.settle([1]);
        assert!(!tracked.tracker.is_full());
        let change = tracked.save();
        assert_eq!((change.checkpoint, change.park), (Position(4), vec![row(3, 0)]));
        assert_eq!(change.unpark, [Position(1)]);
    }

    #[test]
    fn a_change_that_was_not_saved_is_offered_again_as_it_was() {
        let mut tracked = Tracked::with_open(1..=3);
        tracked.settle([3]);
        tracked.wait();
        let offered = tracked.unsaved().unwrap();
        assert_eq!(offered.park, [row(1, 0), row(2, 0)]);
        tracked.settle([1]);
        tracked.tracker.dead(Position(2), dead(2));
        assert_eq!(tracked.save(), offered);
        let change = tracked.save();
        assert_eq!(change.unpark, [Position(1), Position(2)]);
        assert_eq!(change.dead, [dead(2)]);
    }

    #[test]
    fn done_rows_are_forgotten_once_the_checkpoint_has_passed_them() {
        let mut tracked = Tracked::with_open(1..=3);
        tracked.settle([1]);
        assert!(tracked.save().forget_done, "the owner before may have left some");
        tracked.tracker.settle_with_done_row(Position(3));
        tracked.open([4]);
        assert!(tracked.unsaved().is_none());
        tracked.settle([2]);
        assert!(tracked.save().forget_done);
        tracked.settle([4]);
        assert!(!tracked.save().forget_done);
    }

    #[test]
    fn the_done_row_of_a_parked_delivery_is_forgotten_with_its_row() {
        let mut tracked = Tracked::new(4, vec![row(2, 1), row(3, 1)], 100);
        tracked.settle([3]);
        tracked.save();
        tracked.tracker.settle_with_done_row(Position(2));
        let change = tracked.save();
        assert_eq!((change.unpark, change.forget_done), (vec![Position(2)], true));
    }
}
