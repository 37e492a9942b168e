//! What is true of a tracker after any steps of handlers and the store, and after crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;

use super::tracker::tests::{dead, tracker};
use super::tracker::{Tracker, Unsaved};
use crate::context::TenantScope;
use crate::log::{Parked, Position};

const AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
enum Step {
    /// Reads the next position, which the handler wants or not.
    Read {
        wanted: bool,
    },
    /// Reads the position at which the log was read last once more.
    ReadAgain,
    /// One of the deliveries in the lane gets its verdict.
    Settle(prop::sample::Index),
    Dead(prop::sample::Index),
    /// It dies and blocks its order key.
    Block(prop::sample::Index),
    Retry(prop::sample::Index),
    Wait(u64),
    Save(Answer),
    /// Everything in memory is gone.
    Crash,
}

/// What becomes of a call of `save`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Saved,
    /// It was saved, but the answer was lost.
    Lost,
    Failed,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let answer =
        prop_oneof![4 => Just(Answer::Saved), 1 => Just(Answer::Lost), 1 => Just(Answer::Failed)];
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        12 => any::<bool>().prop_map(|wanted| Step::Read { wanted }),
        1 => Just(Step::ReadAgain),
        6 => index().prop_map(Step::Settle),
        1 => index().prop_map(Step::Dead),
        1 => index().prop_map(Step::Block),
        2 => index().prop_map(Step::Retry),
        3 => (0..800_u64).prop_map(Step::Wait),
        5 => answer.prop_map(Step::Save),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..200)
}

/// What a store has.
#[derive(Debug, Default)]
struct Stored {
    checkpoint: Position,
    parked: BTreeMap<Position, Parked>,
    dead: BTreeSet<Position>,
}

/// A subscription with its store.
struct World {
    max_open: usize,
    max_parked: usize,
    /// Which positions of the log the handler wants: that of position 1 first.
    log: Vec<bool>,
    now: Instant,
    tracker: Tracker,
    /// The deliveries in the lane, with the number of failed attempts.
    lane: BTreeMap<Position, u32>,
    /// What the handler has settled, ever.
    settled: BTreeSet<Position>,
    /// What has failed for good, ever.
    dead: BTreeSet<Position>,
    /// Those of the lane that have died and block their order keys.
    blocking: BTreeSet<Position>,
    stored: Stored,
}

impl World {
    fn new(max_open: usize, max_parked: usize) -> Self {
        let stored = Stored::default();
        Self {
            max_open,
            max_parked,
            log: Vec::new(),
            now: Instant::now(),
            tracker: stored.tracker(max_open, max_parked),
            lane: BTreeMap::new(),
            settled: BTreeSet::new(),
            dead: BTreeSet::new(),
            blocking: BTreeSet::new(),
            stored,
        }
    }

    /// Reads on, from the part of the log that was read before a crash or beyond it.
    fn read(&mut self, wanted: bool) {
        if self.tracker.is_full() {
            return;
        }
        let position = self.tracker.read_up_to().next();
        if position.0 > self.log.len() as u64 {
            self.log.push(wanted);
        }
        if self.is_wanted(position) {
            assert!(
                self.tracker.open(position, TenantScope::System, self.now),
                "{position} was never read"
            );
            assert_eq!(self.lane.insert(position, 0), None, "{position} is in the lane twice");
        } else {
            self.tracker.pass(position);
        }
    }

    fn read_again(&mut self) {
        let position = self.tracker.read_up_to();
        assert!(!self.tracker.open(position, TenantScope::System, self.now));
        self.tracker.pass(position);
    }

    fn is_wanted(&self, position: Position) -> bool {
        self.log[usize::try_from(position.0).unwrap() - 1]
    }

    fn pick(&self, index: prop::sample::Index) -> Option<Position> {
        let positions: Vec<_> =
            self.lane.keys().filter(|it| !self.blocking.contains(it)).copied().collect();
        (!positions.is_empty()).then(|| *index.get(&positions))
    }

    fn settle(&mut self, position: Position) {
        self.lane.remove(&position);
        self.settled.insert(position);
        self.tracker.settle(position);
    }

    fn die(&mut self, position: Position) {
        self.lane.remove(&position);
        self.dead.insert(position);
        self.tracker.dead(position, dead(position.0));
    }

    fn block(&mut self, position: Position) {
        self.blocking.insert(position);
        let attempts = self.lane[&position];
        let (error, now) = ("refused".to_owned(), Timestamp::UNIX_EPOCH);
        self.tracker.block(position, attempts, error, now);
    }

    fn retry(&mut self, position: Position) {
        let attempts = self.lane.get_mut(&position).unwrap();
        *attempts += 1;
        self.tracker.retry(position, *attempts, Timestamp::UNIX_EPOCH, "refused".to_owned());
    }

    /// Returns whether there was something to save.
    fn save(&mut self, answer: Answer) -> bool {
        let Some(change) = self.tracker.unsaved(self.now, AFTER, true) else { return false };
        if answer != Answer::Failed {
            self.stored.apply(&change);
        }
        if answer == Answer::Saved {
            self.tracker.saved();
        } else {
            let again = self.tracker.unsaved(self.now, AFTER, true);
            assert_eq!(again, Some(change));
        }
        true
    }

    fn crash(&mut self) {
        self.tracker = self.stored.tracker(self.max_open, self.max_parked);
        let parked = self.stored.parked.values();
        self.lane = parked.clone().map(|parked| (parked.position, parked.attempts)).collect();
        let blocking = parked.filter(|parked| parked.died_at.is_some());
        self.blocking = blocking.map(|parked| parked.position).collect();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Read { wanted } => self.read(wanted),
            Step::ReadAgain => self.read_again(),
            Step::Settle(index) => {
                if let Some(position) = self.pick(index) {
                    self.settle(position);
                }
            }
            Step::Dead(index) => {
                if let Some(position) = self.pick(index) {
                    self.die(position);
                }
            }
            Step::Block(index) => {
                if let Some(position) = self.pick(index) {
                    self.block(position);
                }
            }
            Step::Retry(index) => {
                if let Some(position) = self.pick(index) {
                    self.retry(position);
                }
            }
            Step::Wait(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Step::Save(answer) => drop(self.save(answer)),
            Step::Crash => self.crash(),
        }
    }

    fn check(&self) {
        // A crash now loses nothing.
        for position in (1..=self.stored.checkpoint.0).map(Position) {
            let is_done = self.settled.contains(&position) || self.stored.dead.contains(&position);
            let is_kept = is_done || self.stored.parked.contains_key(&position);
            assert!(is_kept || !self.is_wanted(position), "{position} would be lost");
        }
        assert!(self.stored.parked.len() <= self.max_parked);
        assert!(self.stored.dead.is_subset(&self.dead));
        // What the lane has is exactly what is neither settled nor dead.
        let lowest = self.lane.keys().copied().find(|it| *it > self.tracker.checkpoint());
        assert_eq!(
            lowest.unwrap_or(self.tracker.read_up_to().next()),
            self.tracker.checkpoint().next()
        );
        assert!(self.tracker.in_flight() <= self.max_open);
        assert!(self.tracker.in_flight() <= self.lane.len());
        assert!(self.lane.len() - self.tracker.in_flight() <= self.max_parked);
    }

    /// Saves all that there is to save.
    fn save_all(&mut self) {
        while self.save(Answer::Saved) {
            self.check();
        }
    }
}

impl Stored {
    fn tracker(&self, max_open: usize, max_parked: usize) -> Tracker {
        let parked = self.parked.values().cloned().collect();
        tracker(self.checkpoint, parked, max_open, max_parked)
    }

    fn apply(&mut self, change: &Unsaved) {
        assert!(change.checkpoint >= self.checkpoint, "the checkpoint goes back");
        self.checkpoint = change.checkpoint;
        self.parked.extend(change.park.iter().map(|parked| (parked.position, parked.clone())));
        for position in &change.unpark {
            self.parked.remove(position);
        }
        self.dead.extend(change.dead.iter().map(|dead| dead.event.position));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_everything_settled_is_passed(
        steps in steps(),
        max_open in prop_oneof![1..4_usize, Just(1_000)],
        max_parked in prop_oneof![1..4_usize, Just(1_000)],
    ) {
        let mut world = World::new(max_open, max_parked);
        for step in &steps {
            world.step(step);
            world.check();
        }

        // What is settled is passed soon, also if something open holds the checkpoint.
        world.now += AFTER;
        world.save_all();
        let settled = world.settled.iter().chain(&world.dead).copied();
        let settled = settled.filter(|it| *it <= world.tracker.read_up_to()).max();
        let parks_all = !world.tracker.is_full();
        let not_passed = settled.filter(|it| !world.lane.contains_key(it));
        let is_passed = not_passed.is_none_or(|it| it <= world.stored.checkpoint);
        prop_assert!(is_passed || !parks_all, "{:?}", world.stored);

        // Each parked row says how often the delivery has failed, and whether it blocks its order key.
        for (position, parked) in &world.stored.parked {
            prop_assert_eq!(world.lane.get(position), Some(&parked.attempts));
            prop_assert_eq!(world.blocking.contains(position), parked.died_at.is_some());
        }
        // Those that block their order keys are parked, as far as there is room, and keep nothing else waiting.
        let is_parked = |it: &Position| world.stored.parked.contains_key(it);
        prop_assert!(world.blocking.iter().all(is_parked) || world.stored.parked.len() == max_parked);
        let end = world.tracker.read_up_to();
        prop_assert_eq!(world.tracker.is_settled_up_to(end), world.blocking.len() == world.lane.len());

        // Once the handler has settled everything, nothing is left to do.
        while let Some(position) = world.lane.keys().next().copied() {
            world.settle(position);
        }
        world.save_all();
        prop_assert_eq!(world.stored.checkpoint, world.tracker.read_up_to());
        prop_assert!(world.stored.parked.is_empty());
        prop_assert_eq!(world.tracker.in_flight(), 0);
        prop_assert!(!world.tracker.is_full());
        let lost = world.dead.iter().find(|it| {
            !world.stored.dead.contains(it) && !world.settled.contains(it)
                && **it <= world.stored.checkpoint
        });
        prop_assert_eq!(lost, None);
    }
}
