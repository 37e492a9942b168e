//! What is true of the ways of a slice after any steps of its subscriber, handlers and the store, and after crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;

use super::tracker::Unsaved;
use super::tracker::tests::dead;
use super::ways::Ways;
use crate::context::{TenantId, TenantScope};
use crate::log::{Parked, Position};

const AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
enum Step {
    /// An event of one of the tenants, which the handler wants or not.
    Append {
        tenant: usize,
        wanted: bool,
    },
    /// Many events of one tenant.
    Flood(usize),
    /// One of the ways that want events gets the next ones.
    Feed(prop::sample::Index, usize),
    /// One of the deliveries in the lane gets its verdict.
    Settle(prop::sample::Index),
    Dead(prop::sample::Index),
    Retry(prop::sample::Index),
    Wait(u64),
    Save {
        fails: bool,
    },
    /// Everything in memory is gone.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        6 => (0..4_usize, prop::bool::weighted(0.8))
            .prop_map(|(tenant, wanted)| Step::Append { tenant, wanted }),
        2 => (0..2_usize).prop_map(Step::Flood),
        12 => (index(), 1..6_usize).prop_map(|(way, many)| Step::Feed(way, many)),
        6 => index().prop_map(Step::Settle),
        1 => index().prop_map(Step::Dead),
        2 => index().prop_map(Step::Retry),
        3 => (0..800_u64).prop_map(Step::Wait),
        5 => prop::bool::weighted(0.2).prop_map(|fails| Step::Save { fails }),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..200)
}

struct Event {
    tenant: TenantScope,
    wanted: bool,
}

/// What a store has.
#[derive(Default)]
struct Stored {
    checkpoint: Position,
    ahead: Option<String>,
    parked: BTreeMap<Position, Parked>,
    dead: BTreeSet<Position>,
}

/// A slice with its lane and its store.
struct World {
    max_open: usize,
    log: Vec<Event>,
    now: Instant,
    ways: Ways,
    /// The deliveries in the lane, with the number of failed attempts.
    lane: BTreeMap<Position, u32>,
    /// The last position of each tenant that the lane got.
    last: BTreeMap<TenantScope, Position>,
    settled: BTreeSet<Position>,
    dead: BTreeSet<Position>,
    stored: Stored,
}

fn tenant(number: usize) -> TenantScope {
    match number {
        0 => TenantScope::System,
        number => TenantScope::Tenant(TenantId::new(format!("tenant-{number}")).unwrap()),
    }
}

impl World {
    fn new(max_open: usize) -> Self {
        Self {
            max_open,
            log: Vec::new(),
            now: Instant::now(),
            ways: Ways::new(Position::START, None, Vec::new(), max_open),
            lane: BTreeMap::new(),
            last: BTreeMap::new(),
            settled: BTreeSet::new(),
            dead: BTreeSet::new(),
            stored: Stored::default(),
        }
    }

    fn end(&self) -> Position {
        Position(self.log.len() as u64)
    }

    fn event(&self, position: Position) -> &Event {
        &self.log[usize::try_from(position.0).unwrap() - 1]
    }

    fn append(&mut self, number: usize, wanted: bool) {
        self.log.push(Event { tenant: tenant(number), wanted });
    }

    /// As the subscriber does. Returns whether a way got something.
    fn feed(&mut self, index: prop::sample::Index, many: usize) -> bool {
        self.ways.prepare();
        let ways = self.ways.all().enumerate();
        let wanting = ways.filter_map(|(number, way)| Some((number, way.wants_after()?)));
        let wanting: Vec<_> = wanting.filter(|(_, after)| *after < self.end()).collect();
        if wanting.is_empty() {
            return false;
        }
        let (number, after) = *index.get(&wanting);
        let last = Position(after.0 + many as u64).min(self.end());
        for position in (after.0 + 1..=last.0).map(Position) {
            self.take_in(number, position);
        }
        self.ways.get_mut(number).unwrap().is_fed_up_to(last);
        true
    }

    fn take_in(&mut self, number: usize, position: Position) {
        let Event { tenant, wanted } = self.event(position);
        let (tenant, wanted) = (tenant.clone(), *wanted);
        let is_its = self.ways.number_of(&tenant) == number;
        let way = self.ways.get_mut(number).unwrap();
        if !way.takes(position) {
            return;
        }
        if !is_its || !wanted {
            way.tracker.pass(position);
        } else if way.has_room() {
            assert!(way.tracker.open(position, tenant.clone(), self.now));
            assert_eq!(self.lane.insert(position, 0), None, "{position} is in the lane twice");
            let before = self.last.insert(tenant, position);
            assert!(before < Some(position), "{position} comes after a later one of its tenant");
        }
    }

    fn pick(&self, index: prop::sample::Index) -> Option<Position> {
        let positions: Vec<_> = self.lane.keys().copied().collect();
        (!positions.is_empty()).then(|| *index.get(&positions))
    }

    fn settle(&mut self, position: Position) {
        self.lane.remove(&position);
        self.settled.insert(position);
        assert!(self.ways.tracker_of(position).settle(position));
    }

    fn die(&mut self, position: Position) {
        self.lane.remove(&position);
        self.dead.insert(position);
        self.ways.tracker_of(position).dead(position, dead(position.0));
    }

    fn retry(&mut self, position: Position) {
        let attempts = self.lane.get_mut(&position).unwrap();
        *attempts += 1;
        let (attempts, error) = (*attempts, "refused".to_owned());
        self.ways.tracker_of(position).retry(position, attempts, Timestamp::UNIX_EPOCH, error);
    }

    /// Returns whether there was something to save.
    fn save(&mut self, fails: bool) -> bool {
        let Some((change, ahead)) = self.ways.unsaved(self.now, AFTER, true) else { return false };
        if !fails {
            self.stored.apply(change, ahead);
            self.ways.saved();
            self.check();
        }
        true
    }

    fn crash(&mut self) {
        let parked = self.stored.parked.values();
        self.lane = parked.clone().map(|it| (it.position, it.attempts)).collect();
        let parked = parked.map(|it| (it.clone(), self.event(it.position).tenant.clone()));
        let Stored { checkpoint, ahead, .. } = &self.stored;
        self.ways = Ways::new(*checkpoint, ahead.as_deref(), parked.collect(), self.max_open);
        self.last.clear();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Append { tenant, wanted } => self.append(tenant, wanted),
            Step::Flood(tenant) => (0..20).for_each(|_| self.append(tenant, true)),
            Step::Feed(way, many) => drop(self.feed(way, many)),
            Step::Settle(index) => self.pick(index).into_iter().for_each(|it| self.settle(it)),
            Step::Dead(index) => self.pick(index).into_iter().for_each(|it| self.die(it)),
            Step::Retry(index) => self.pick(index).into_iter().for_each(|it| self.retry(it)),
            Step::Wait(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Step::Save { fails } => drop(self.save(fails)),
            Step::Crash => self.crash(),
        }
    }

    /// A crash now loses nothing: what would not be read again is settled, dead or parked.
    fn check(&self) {
        let Stored { checkpoint, ahead, parked, dead } = &self.stored;
        let again = Ways::new(*checkpoint, ahead.as_deref(), Vec::new(), self.max_open);
        let starts: Vec<_> = again.all().map(|way| way.tracker.read_up_to()).collect();
        assert!(starts.iter().all(|start| checkpoint <= start));
        for position in (1..=self.end().0).map(Position) {
            let Event { tenant, wanted } = self.event(position);
            let is_read_again = position > starts[again.number_of(tenant)];
            let is_kept = self.settled.contains(&position)
                || dead.contains(&position)
                || parked.contains_key(&position);
            assert!(is_read_again || is_kept || !wanted, "{position} would be lost");
        }
    }
}

impl Stored {
    fn apply(&mut self, change: Unsaved, ahead: Option<String>) {
        assert!(change.checkpoint >= self.checkpoint, "the checkpoint goes back");
        (self.checkpoint, self.ahead) = (change.checkpoint, ahead);
        self.parked.extend(change.park.into_iter().map(|parked| (parked.position, parked)));
        for position in &change.unpark {
            self.parked.remove(position);
        }
        self.dead.extend(change.dead.iter().map(|dead| dead.event.position));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_detours_nothing_is_lost_and_each_tenant_keeps_its_order(
        steps in steps(),
        max_open in 1..8_usize,
        index in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new(max_open);
        for step in &steps {
            world.step(step);
        }

        // Once the handler has settled everything, nothing is left to do, and no detour is left.
        loop {
            while world.save(false) {}
            let is_fed = world.feed(index, 10);
            let Some(position) = world.lane.keys().next().copied() else {
                if is_fed {
                    continue;
                }
                break;
            };
            world.settle(position);
        }
        world.ways.prepare();
        world.ways.pass();
        while world.save(false) {}
        prop_assert!(world.ways.is_settled_up_to(world.end()));
        prop_assert_eq!((world.stored.checkpoint, &world.stored.ahead), (world.end(), &None));
        prop_assert!(world.stored.parked.is_empty());
        for position in (1..=world.end().0).map(Position) {
            let is_done = world.settled.contains(&position) || world.stored.dead.contains(&position);
            prop_assert!(is_done || !world.event(position).wanted, "{} was lost", position);
        }
    }
}
