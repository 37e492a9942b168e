//! A store in memory.

mod maintenance;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Beat, Change, Claim, DeadDelivery, DoneRow, DueEvents, Entry, EventLog, Lease, LogEvent,
    LoggedEvent, NewSubscription, Node, Parked, Position, Profile, Progress, ScheduledEvent,
    Scheduling, SeenEvent, Start, Store, StoreError, Subscription, SubscriptionId,
};
use crate::handler::BoxFuture;

/// A [`Store`] in memory, for tests of what a durable store does: restarts, several nodes, fencing. Clones share
/// their events, so that an application that is built on a clone is another node, or the same one after a crash.
/// It keeps all events, and forgets them with its last clone.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    profile: Profile,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    clock: Clock,
    state: Mutex<State>,
    news: Notify,
}

/// The wall clock when the store was made, moved on by Tokio's clock, which a test can pause and advance.
#[derive(Debug)]
struct Clock(Timestamp, Instant);

#[derive(Debug, Default)]
struct State {
    log: Vec<LoggedEvent>,
    /// By when they are due, and a number in the order in which they were scheduled.
    scheduled: BTreeMap<(Timestamp, u64), LogEvent>,
    last_scheduled: u64,
    /// By its number.
    subscriptions: Vec<StoredSubscription>,
    /// Until when each lives, and what it says of itself.
    nodes: BTreeMap<Uuid, (Instant, String)>,
    leases: BTreeMap<u16, StoredLease>,
}

#[derive(Debug, Default)]
struct StoredSubscription {
    name: String,
    is_paused: bool,
    /// Its number is not used again.
    is_forgotten: bool,
    start: Position,
    checkpoints: BTreeMap<u16, Position>,
    ahead: BTreeMap<u16, String>,
    parked: BTreeMap<Position, Parked>,
    done: BTreeSet<Position>,
    /// With the time at which each died.
    dead: BTreeMap<Position, (Timestamp, DeadDelivery)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct StoredLease {
    token: u64,
    node: Option<Uuid>,
}

impl StoredSubscription {
    fn subscription(&self, id: SubscriptionId) -> Subscription {
        Subscription { id, name: self.name.clone(), is_paused: self.is_paused }
    }
}

impl StoredLease {
    /// Its owner can change nothing any more, and another node can claim it.
    fn take_away(&mut self) {
        self.token += 1;
        self.node = None;
    }
}

impl MemoryStore {
    /// An empty store with 16 shards.
    pub fn new() -> Self {
        let (lease, poll) = (Profile::DEFAULT_LEASE, Profile::DEFAULT_POLL);
        let profile = Profile { name: "memory", shards: 16, lease, poll };
        Self { profile, shared: Arc::default() }
    }

    /// How long a node keeps its shards after its last sign of life: 15 seconds unless set.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.profile.lease = lease;
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(Timestamp::now(), Instant::now())
    }
}

impl Clock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.1.elapsed()).unwrap_or(SignedDuration::MAX);
        self.0.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }
}

impl State {
    fn subscriptions(&self) -> impl Iterator<Item = (SubscriptionId, &StoredSubscription)> {
        let stored = (0..).map(SubscriptionId).zip(&self.subscriptions);
        stored.filter(|(_, stored)| !stored.is_forgotten)
    }

    fn end(&self) -> Position {
        self.log.last().map_or(Position::START, |last| last.position)
    }

    /// The index in the log of the first event at this position or later.
    fn index_of(&self, position: Position) -> usize {
        self.log.partition_point(|event| event.position < position)
    }

    fn get(&self, position: Position) -> Option<&LoggedEvent> {
        self.log.get(self.index_of(position)).filter(|event| event.position == position)
    }

    fn holds(&self, lease: Lease) -> bool {
        self.leases.get(&lease.shard).is_some_and(|stored| stored.token == lease.token)
    }

    fn shard_of(&self, position: Position) -> Option<u16> {
        Some(self.get(position)?.event.shard)
    }

    /// Fails if this is not the log in which `seen` were seen.
    fn check(&self, seen: &[SeenEvent]) -> Result<(), StoreError> {
        let end = self.end();
        let is_known = |it: &SeenEvent| {
            it.position <= end && self.get(it.position).is_none_or(|there| there.event.id == it.id)
        };
        match seen.iter().find(|it| !is_known(it)) {
            Some(unknown) => Err(StoreError::WentBack { end, seen: unknown.position }),
            None => Ok(()),
        }
    }

    /// Writes all of `rows`, or nothing.
    fn write_done(&mut self, rows: &[DoneRow]) -> bool {
        let is_new = |row: &DoneRow| {
            let subscription = self.subscriptions.get(row.subscription.0 as usize);
            self.holds(row.lease)
                && self.get(row.position).is_some_and(|it| it.event.id == row.event)
                && subscription.is_some_and(|it| !it.done.contains(&row.position))
        };
        let all_new = rows.iter().all(is_new);
        if all_new {
            for row in rows {
                self.subscriptions[row.subscription.0 as usize].done.insert(row.position);
            }
        }
        all_new
    }

    fn append(&mut self, at: Timestamp, event: LogEvent) {
        let position = self.end().next();
        self.log.push(LoggedEvent { position, at, only_for: None, event });
    }

    fn schedule(&mut self, ScheduledEvent { due, event }: ScheduledEvent) {
        self.last_scheduled += 1;
        self.scheduled.insert((due, self.last_scheduled), event);
    }

    fn living(&self) -> impl Iterator<Item = (Uuid, &str)> {
        let now = Instant::now();
        let living = self.nodes.iter().filter(move |(_, (until, _))| *until > now);
        living.map(|(node, (_, about))| (*node, &**about))
    }

    fn save(&mut self, change: &Change) -> bool {
        if !self.holds(change.lease) {
            return false;
        }
        let shard = change.lease.shard;
        let in_shard: BTreeSet<_> = {
            let done = &self.subscriptions[change.subscription.0 as usize].done;
            done.iter().copied().filter(|done| self.shard_of(*done) == Some(shard)).collect()
        };
        let subscription = &mut self.subscriptions[change.subscription.0 as usize];
        subscription.checkpoints.insert(shard, change.checkpoint);
        match &change.ahead {
            Some(ahead) => subscription.ahead.insert(shard, ahead.clone()),
            None => subscription.ahead.remove(&shard),
        };
        for parked in &change.park {
            subscription.parked.insert(parked.position, parked.clone());
        }
        for position in &change.unpark {
            subscription.parked.remove(position);
        }
        for dead in &change.dead {
            subscription.dead.insert(dead.event.position, (Timestamp::now(), dead.clone()));
        }
        if change.forget_done {
            let parked = &subscription.parked;
            subscription.done.retain(|done| {
                !in_shard.contains(done) || *done > change.checkpoint || parked.contains_key(done)
            });
        }
        true
    }
}

impl Store for MemoryStore {}

impl EventLog for MemoryStore {
    fn profile(&self) -> Profile {
        self.profile
    }

    fn append<'a>(
        &'a self,
        entries: &'a [Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>> {
        let now = self.shared.clock.now();
        let mut state = self.state();
        let appended = entries.iter().map(|entry| {
            let first = state.end().next();
            if !state.write_done(&entry.done) {
                return None;
            }
            entry.events.iter().for_each(|event| state.append(now, event.clone()));
            entry.scheduled.iter().for_each(|scheduled| state.schedule(scheduled.clone()));
            Some(first)
        });
        let appended = appended.collect();
        drop(state);
        self.shared.news.notify_waiters();
        Box::pin(async move { Ok(appended) })
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LoggedEvent>, StoreError>> {
        let state = self.state();
        let end = state.end();
        let page = if after > end {
            Err(StoreError::WentBack { end, seen: after })
        } else {
            let rest = &state.log[state.index_of(after.next())..];
            Ok(rest.iter().take(limit).cloned().collect())
        };
        Box::pin(async move { page })
    }

    fn read_others<'a>(
        &'a self,
        after: Position,
        end: Position,
        without: &'a [&'a str],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        let state = self.state();
        let rest = state.log[state.index_of(after.next())..].iter();
        let rest = rest.take_while(|it| it.position <= end);
        let others =
            rest.filter(|it| !without.contains(&it.event.tenant.as_deref().unwrap_or_default()));
        let others = others.take(limit).cloned().collect();
        Box::pin(async move { Ok(others) })
    }

    fn read_at<'a>(
        &'a self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        let state = self.state();
        let events = positions.iter().filter_map(|position| state.get(*position).cloned());
        let events = events.collect();
        Box::pin(async move { Ok(events) })
    }

    fn range(&self) -> BoxFuture<'_, Result<RangeInclusive<Position>, StoreError>> {
        let state = self.state();
        let first = state.log.first().map_or(Position::START.next(), |first| first.position);
        let end = state.end();
        Box::pin(async move { Ok(first..=end) })
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.news.notified())
    }
}

impl Progress for MemoryStore {
    fn register<'a>(
        &'a self,
        wanted: &'a [NewSubscription<'a>],
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StoreError>> {
        let mut state = self.state();
        for NewSubscription { name, start } in wanted {
            if state.subscriptions.iter().any(|it| !it.is_forgotten && it.name == *name) {
                continue;
            }
            let start = match start {
                Start::Now => state.end(),
                Start::Beginning => Position::START,
            };
            state.subscriptions.push(StoredSubscription {
                name: (*name).to_owned(),
                start,
                ..Default::default()
            });
        }
        let subscriptions = state.subscriptions().map(|(id, stored)| stored.subscription(id));
        let subscriptions = subscriptions.collect();
        Box::pin(async move { Ok(subscriptions) })
    }

    fn beat<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Beat, StoreError>> {
        let mut state = self.state();
        let until = Instant::now() + node.ttl.min(Duration::from_hours(24));
        state.nodes.insert(node.id, (until, node.about.clone()));
        let leases = state.leases.iter().filter(|(_, lease)| lease.node == Some(node.id));
        let leases = leases.map(|(&shard, lease)| Lease { shard, token: lease.token }).collect();
        let paused = state.subscriptions().filter(|(_, stored)| stored.is_paused);
        let paused = paused.map(|(id, _)| id).collect();
        let beat = Beat { living: state.living().count(), leases, paused };
        Box::pin(async move { Ok(beat) })
    }

    fn claim<'a>(
        &'a self,
        node: &'a Node,
        at_most: usize,
        subscriptions: &'a [SubscriptionId],
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>> {
        let mut state = self.state();
        let living: BTreeSet<_> = state.living().map(|(node, _)| node).collect();
        let mut leases = Vec::new();
        for shard in 0..self.profile.shards {
            let stored = state.leases.entry(shard).or_default();
            let is_free = stored.node.is_none_or(|owner| !living.contains(&owner));
            if is_free && leases.len() < at_most {
                *stored = StoredLease { token: stored.token + 1, node: Some(node.id) };
                leases.push(Lease { shard, token: stored.token });
            }
        }
        let claims = leases.into_iter().map(|lease| {
            let (mut checkpoints, mut ahead, mut parked) = (Vec::new(), Vec::new(), Vec::new());
            for &id in subscriptions {
                let stored = &state.subscriptions[id.0 as usize];
                let checkpoint = stored.checkpoints.get(&lease.shard).copied();
                checkpoints.push((id, checkpoint.unwrap_or(stored.start)));
                ahead.extend(stored.ahead.get(&lease.shard).map(|ahead| (id, ahead.clone())));
                let is_here = |it: &&Parked| state.shard_of(it.position) == Some(lease.shard);
                parked.extend(stored.parked.values().filter(is_here).map(|it| (id, it.clone())));
            }
            parked.sort_by_key(|(_, parked)| parked.position);
            Claim { lease, checkpoints, ahead, parked }
        });
        let claims = claims.collect();
        Box::pin(async move { Ok(claims) })
    }

    fn release<'a>(
        &'a self,
        node: &'a Node,
        leases: &'a [Lease],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let mut state = self.state();
        for lease in leases {
            if let Some(stored) = state.leases.get_mut(&lease.shard)
                && (stored.token, stored.node) == (lease.token, Some(node.id))
            {
                stored.node = None;
            }
        }
        Box::pin(async move { Ok(()) })
    }

    fn leave<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<(), StoreError>> {
        self.state().nodes.remove(&node.id);
        Box::pin(async move { Ok(()) })
    }

    fn save<'a>(
        &'a self,
        changes: &'a [Change],
        seen: &'a [SeenEvent],
    ) -> BoxFuture<'a, Result<Vec<Lease>, StoreError>> {
        let mut state = self.state();
        let saved = state.check(seen).map(|()| {
            let lost = changes.iter().filter(|change| !state.save(change));
            lost.map(|change| change.lease).collect()
        });
        Box::pin(async move { saved })
    }
}

impl Scheduling for MemoryStore {
    fn cancel(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        let scheduled = &mut self.state().scheduled;
        let before = scheduled.len();
        scheduled.retain(|_, event| event.id != id);
        let was_there = scheduled.len() < before;
        Box::pin(async move { Ok(was_there) })
    }

    fn move_due(
        &self,
        limit: usize,
        ahead: Duration,
    ) -> BoxFuture<'_, Result<DueEvents, StoreError>> {
        let ahead = SignedDuration::try_from(ahead).unwrap_or(SignedDuration::MAX);
        let now = self.shared.clock.now().saturating_add(ahead).unwrap_or(Timestamp::MAX);
        let mut state = self.state();
        let first = state.log.len();
        for _ in 0..limit {
            match state.scheduled.first_entry() {
                Some(entry) if entry.key().0 <= now => {
                    let event = entry.remove();
                    state.append(now, event);
                }
                _ => break,
            }
        }
        let moved = state.log[first..].to_vec();
        let next = state.scheduled.first_key_value().map(|((due, _), _)| {
            Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
        });
        drop(state);
        if !moved.is_empty() {
            self.shared.news.notify_waiters();
        }
        Box::pin(async move { Ok(DueEvents { moved, next }) })
    }
}
