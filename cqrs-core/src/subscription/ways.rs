//! The ways on which one subscription reads one shard. Pure data, without Tokio.
//!
//! Mostly there is one, the main way. When it is full of the deliveries of one tenant, that tenant gets a *detour*: a way
//! of its own, with a position of its own. The main way reads on, and passes the tenant's events. So the others do not
//! wait until the tenant's backlog is handled. When the detour has come as far as the main way, it ends.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::tracker::{Tracker, Unsaved};
use crate::context::TenantScope;
use crate::log::{Parked, Position};

/// How many tenants of one shard may have a detour at the same time.
const MAX_DETOURS: usize = 8;

/// All ways of one subscription on one shard.
pub(super) struct Ways {
    main: Way,
    detours: Vec<Detour>,
    /// The checkpoint that was offered last, with what is done above it.
    offered: (Position, Option<String>),
}

/// How far events are read, and what has become of them.
pub(super) struct Way {
    pub(super) tracker: Tracker,
    /// Up to where the subscriber has fed it.
    fed: Position,
    /// Whether the subscriber must go back for it, because it was full when an event was read. Until then it takes
    /// nothing in: what it left out would count as read.
    is_behind: bool,
    /// Whether it is full of the deliveries of many tenants, so that a detour would not help.
    is_mixed: bool,
}

struct Detour {
    tenant: TenantScope,
    way: Way,
}

/// What is done above the checkpoint, as the store keeps it.
#[derive(Serialize, Deserialize)]
struct Ahead {
    /// The checkpoint of the main way.
    main: u64,
    /// Those of the detours.
    detours: Vec<(TenantScope, u64)>,
}

impl Ways {
    /// Goes on where a [`Claim`](crate::log::Claim) says, with at most `max_open` open deliveries on each way. The caller
    /// hands all of `parked` to a lane.
    pub(super) fn new(
        checkpoint: Position,
        ahead: Option<&str>,
        mut parked: Vec<(Parked, TenantScope)>,
        max_open: usize,
    ) -> Self {
        // If it cannot be read, what was done above the checkpoint is done again.
        let read = ahead.and_then(|ahead| serde_json::from_str(ahead).ok());
        let Ahead { main, detours } = read.unwrap_or(Ahead { main: checkpoint.0, detours: vec![] });
        let detours = detours.into_iter().map(|(tenant, position)| {
            let parked = parked.extract_if(.., |(_, of)| *of == tenant).collect();
            let way = Way::new(Tracker::new(Position(position), parked, max_open));
            Detour { tenant, way }
        });
        let detours = detours.collect();
        Self {
            main: Way::new(Tracker::new(Position(main), parked, max_open)),
            detours,
            offered: (checkpoint, ahead.map(str::to_owned)),
        }
    }

    /// All ways, the main one first. Their numbers stay the same until [`prepare`](Self::prepare).
    pub(super) fn all(&self) -> impl Iterator<Item = &Way> {
        std::iter::once(&self.main).chain(self.detours.iter().map(|it| &it.way))
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Way> {
        std::iter::once(&mut self.main).chain(self.detours.iter_mut().map(|it| &mut it.way))
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Way> {
        self.all_mut().nth(number)
    }

    /// The tenants that have a detour.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &TenantScope> {
        self.detours.iter().map(|it| &it.tenant)
    }

    /// On which way the events of this tenant are handled.
    pub(super) fn number_of(&self, tenant: &TenantScope) -> usize {
        let detour = self.detours.iter().position(|it| it.tenant == *tenant);
        detour.map_or(0, |index| index + 1)
    }

    /// The tracker of a delivery that is open or parked.
    pub(super) fn tracker_of(&mut self, position: Position) -> &mut Tracker {
        let detour = self.detours.iter_mut().map(|it| &mut it.way.tracker);
        let detour = detour.into_iter().find(|tracker| tracker.has(position));
        detour.unwrap_or(&mut self.main.tracker)
    }

    /// The position up to which the main way has read.
    pub(super) fn read_up_to(&self) -> Position {
        self.main.tracker.read_up_to()
    }

    /// Whether everything up to `end` was read and is settled.
    pub(super) fn is_settled_up_to(&self, end: Position) -> bool {
        self.all().all(|way| {
            let is_read = !way.is_behind && way.fed >= end;
            is_read && way.tracker.is_settled_up_to(way.tracker.read_up_to())
        })
    }

    /// Whether everything up to `end` was read, or no more can be read because too much waits.
    pub(super) fn has_read(&self, end: Position) -> bool {
        let has_read = |way: &Way| {
            if way.is_behind { !way.tracker.has_room_again() } else { way.fed >= end }
        };
        self.all().all(has_read)
    }

    pub(super) fn is_parked(&self, position: Position) -> bool {
        self.all().any(|way| way.tracker.is_parked(position))
    }

    /// Whether a way was full when an event was read.
    pub(super) fn is_behind(&self) -> bool {
        self.all().any(|way| way.is_behind)
    }

    /// Whether a way that was full can go on.
    pub(super) fn can_go_on(&self) -> bool {
        self.all().any(|way| way.is_behind && way.tracker.has_room_again())
    }

    /// Begins and ends detours, and lets those that were full go on if they have room. To be called between two feeds,
    /// by the one that feeds.
    pub(super) fn prepare(&mut self) {
        self.end_detours();
        while self.begin_detour() {}
        for way in self.all_mut() {
            if way.is_behind && way.tracker.has_room_again() {
                way.is_behind = false;
                way.fed = way.tracker.read_up_to();
            }
        }
    }

    /// Gives the tenant that fills the main way a detour.
    fn begin_detour(&mut self) -> bool {
        let main = &mut self.main;
        let is_full = main.is_behind && !main.is_mixed && !main.tracker.has_room_again();
        // What is offered may not be split: the store has it whole, or not at all.
        if !is_full || self.detours.len() >= MAX_DETOURS || main.tracker.is_offered() {
            return false;
        }
        let Some(tenant) = main.tracker.largest_tenant().cloned() else {
            main.is_mixed = true;
            return false;
        };
        let way = Way::new(main.tracker.split(&tenant));
        self.detours.push(Detour { tenant, way });
        true
    }

    /// Ends the detours that have come as far as the main way, and of which the store knows everything.
    fn end_detours(&mut self) {
        let Self { main, detours, .. } = self;
        if main.is_behind || main.tracker.is_offered() {
            return;
        }
        detours.retain_mut(|Detour { way, .. }| {
            let is_level = !way.is_behind && way.fed == main.fed;
            let ends = is_level && main.tracker.can_take_over(&way.tracker);
            if ends {
                main.tracker.take_over(&mut way.tracker);
                main.pass();
            }
            !ends
        });
    }

    /// Lets the checkpoint pass the events of other shards that were read.
    pub(super) fn pass(&mut self) {
        self.all_mut().for_each(Way::pass);
    }

    /// What to save now, with what is done above the checkpoint. See [`Tracker::unsaved`].
    pub(super) fn unsaved(
        &mut self,
        now: Instant,
        park_after: Duration,
        makes_room: bool,
    ) -> Option<(Unsaved, Option<String>)> {
        let changes = self.all_mut().map(|way| way.tracker.unsaved(now, park_after, makes_room));
        let changes: Vec<Unsaved> = changes.flatten().collect();
        let (checkpoint, ahead) = self.progress();
        if changes.is_empty() && self.offered == (checkpoint, ahead.clone()) {
            return None;
        }
        // Done rows between the checkpoint and those of the ways stay until the detours have ended.
        let forget_done = self.offered.1.is_some();
        self.offered = (checkpoint, ahead.clone());
        let all = Unsaved { checkpoint, forget_done, ..Unsaved::default() };
        let unsaved = changes.into_iter().fold(all, |mut all, change| {
            all.park.extend(change.park);
            all.unpark.extend(change.unpark);
            all.dead.extend(change.dead);
            all.forget_done |= change.forget_done;
            all
        });
        Some((unsaved, ahead))
    }

    /// What was offered is in the store.
    pub(super) fn saved(&mut self) {
        self.all_mut().for_each(|way| way.tracker.saved());
    }

    /// The lowest checkpoint of all ways, and what is done above it.
    fn progress(&self) -> (Position, Option<String>) {
        let checkpoint = self.all().map(|way| way.tracker.offered_checkpoint()).min();
        let detours = self
            .detours
            .iter()
            .map(|Detour { tenant, way }| (tenant.clone(), way.tracker.offered_checkpoint().0));
        let ahead = (!self.detours.is_empty()).then(|| Ahead {
            main: self.main.tracker.offered_checkpoint().0,
            detours: detours.collect(),
        });
        let ahead = ahead.and_then(|ahead| serde_json::to_string(&ahead).ok());
        (checkpoint.unwrap_or_default(), ahead)
    }
}

impl Way {
    fn new(tracker: Tracker) -> Self {
        Self { fed: tracker.read_up_to(), tracker, is_behind: false, is_mixed: false }
    }

    /// After which position it goes on; `None` while it is full.
    pub(super) fn wants_after(&self) -> Option<Position> {
        (!self.is_behind).then_some(self.fed)
    }

    /// Whether it takes in what is at this position: not if it was taken in before.
    pub(super) fn takes(&self, position: Position) -> bool {
        !self.is_behind && position > self.tracker.read_up_to()
    }

    /// Whether it has room for one more delivery. If not, the subscriber comes back for it later.
    pub(super) fn has_room(&mut self) -> bool {
        (self.is_behind, self.is_mixed) = (self.tracker.is_full(), false);
        !self.is_behind
    }

    /// It has got all events up to `position`, if it was not full.
    pub(super) fn is_fed_up_to(&mut self, position: Position) {
        if !self.is_behind {
            self.fed = self.fed.max(position);
        }
    }

    fn pass(&mut self) {
        if !self.is_behind {
            self.tracker.pass(self.fed);
        }
    }
}
