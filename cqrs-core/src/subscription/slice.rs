//! One subscription on one shard: its deliveries report here what becomes of them.

mod dying;

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;
use tokio::time::Instant;
use uuid::Uuid;

use super::codec::{Content, Read};
use super::subscriber::Subscriber;
use super::tracker::Tracker;
use super::ways::Ways;
use super::{NotAppended, Shared};
use crate::context::{Effect, TenantScope};
use crate::handler::{AttemptError, DeliveryError, HandlerError};
use crate::lane::{Deferred, Delivery, Origin, Publishes, Receipt, Verdict};
use crate::log::{Change, DeliveryId, DoneRow, Entry, Lease, Parked, Position};
use crate::message::AnyEvent;
use crate::schedule::Keys;

/// How long a delivery may hold the checkpoint before it is parked.
const PARK_AFTER: Duration = Duration::from_secs(1);

/// How long the store is tried for what a handler has published: until the application stops.
const PUBLISH_FOR: Duration = Duration::from_hours(24 * 365);

/// One subscription on one shard that this process has the lease of.
pub(super) struct Slice {
    subscriber: Arc<Subscriber>,
    pub(super) lease: Lease,
    shared: Arc<Shared>,
    /// Set when the lease is lost or given back: no attempt begins from then on.
    is_revoked: AtomicBool,
    /// How many deliveries are in the lane, those included that are parked.
    in_lane: AtomicUsize,
    state: Mutex<State>,
}

/// One of the ways of a slice, which wants the events after this position.
pub(super) struct Wanting {
    pub(super) after: Position,
    pub(super) slice: Arc<Slice>,
    /// Its number.
    pub(super) way: usize,
}

struct State {
    ways: Ways,
    /// The deliveries whose handler has published something that is not appended yet.
    publishing: FxHashMap<Position, Publishing>,
}

enum Publishing {
    /// It is being appended.
    Appending,
    /// It is being appended, and the delivery is done after so many attempts.
    Handled { attempts: u32 },
    /// The event of its death is being appended. After that, the delivery is dead, after so many attempts.
    Dead { attempts: u32, error: DeliveryError, blocks: bool },
    /// It is appended.
    Appended,
    /// It cannot be stored.
    Refused(DeliveryError),
}

impl Slice {
    pub(super) fn new(
        subscriber: &Arc<Subscriber>,
        lease: Lease,
        shared: &Arc<Shared>,
        checkpoint: Position,
        ahead: Option<&str>,
        parked: Vec<(Parked, TenantScope)>,
    ) -> Arc<Self> {
        let ways = Ways::new(checkpoint, ahead, parked, subscriber.limit);
        Arc::new(Self {
            subscriber: Arc::clone(subscriber),
            lease,
            shared: Arc::clone(shared),
            is_revoked: AtomicBool::new(false),
            in_lane: AtomicUsize::new(0),
            state: Mutex::new(State { ways, publishing: FxHashMap::default() }),
        })
    }

    /// Lets no attempt begin from now on, and takes back what waits in the lane.
    pub(super) fn revoke(&self) {
        self.is_revoked.store(true, SeqCst);
        self.subscriber.lane.release_waiting();
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.is_revoked.load(SeqCst)
    }

    /// Whether the subscriber still works with it. After another log was found, another slice may have the same lease.
    pub(super) fn is_current(&self) -> bool {
        self.subscriber.slice(self.lease).is_some_and(|it| std::ptr::eq(Arc::as_ptr(&it), self))
    }

    /// Whether deliveries are in the lane.
    pub(super) fn is_working(&self) -> bool {
        self.in_lane.load(SeqCst) > 0
    }

    /// The position up to which events were read.
    pub(super) fn read_up_to(&self) -> Position {
        self.state().ways.read_up_to()
    }

    /// Whether everything up to `end` was read and is settled.
    pub(super) fn is_settled_up_to(&self, end: Position) -> bool {
        self.state().ways.is_settled_up_to(end)
    }

    /// Whether everything up to `end` was read, or no more can be read because too much waits.
    pub(super) fn has_read(&self, end: Position) -> bool {
        self.state().ways.has_read(end)
    }

    /// Whether this delivery is parked here.
    pub(super) fn has_parked(&self, delivery: DeliveryId) -> bool {
        self.subscriber.id() == delivery.subscription
            && self.state().ways.is_parked(delivery.position)
    }

    /// Adds the ways that want events. None when it is given back.
    pub(super) fn add_wanting(self: &Arc<Self>, wanting: &mut Vec<Wanting>) {
        if self.takes_back() {
            return;
        }
        let mut state = self.state();
        state.ways.prepare();
        let ways = (0..).zip(state.ways.all());
        wanting.extend(ways.filter_map(|(way, it)| {
            Some(Wanting { after: it.wants_after()?, slice: Arc::clone(self), way })
        }));
    }

    /// The tenants that have a detour.
    pub(super) fn tenants_on_detours(&self) -> Vec<TenantScope> {
        self.state().ways.tenants().cloned().collect()
    }

    /// The way with this number has got all events up to `position`, if it was not full.
    pub(super) fn is_fed_up_to(&self, way: usize, position: Position) {
        if let Some(way) = self.state().ways.get_mut(way) {
            way.is_fed_up_to(position);
        }
    }

    /// Takes an event in on the way with this number, and hands it to the lane if the handler wants it. An event that
    /// was taken in before is left out.
    pub(super) fn feed(self: &Arc<Self>, number: usize, read: &Read) {
        let mut guard = self.state();
        let state = &mut *guard;
        let is_wanted = state.ways.number_of(&read.tenant()) == number;
        let Some(way) = state.ways.get_mut(number).filter(|way| way.takes(read.position)) else {
            return;
        };
        if self.takes_back() {
            return;
        }
        let index = self.subscriber.index_of(read).filter(|_| is_wanted);
        let Some(index) = index else { return way.tracker.pass(read.position) };
        if !way.has_room() {
            return;
        }
        if let Content::Unreadable { is_newer: true, logged, error, .. } = &read.content {
            let (handler, event, position) =
                (self.subscriber.name(), &*logged.event.name, read.position.0);
            tracing::warn!(handler, event, position, "{error}; it is parked until then");
            return way.tracker.leave(read.position, error.clone());
        }
        if !way.tracker.open(read.position, read.tenant().into_owned(), Instant::now().into_std()) {
            return;
        }
        drop(guard);
        match &read.content {
            Content::Event(event) => self.push(event, index, read, None),
            Content::Unreadable { logged, error, .. } => self.die_unread(read, logged, error),
        }
    }

    /// Lets the checkpoint pass the events of other shards that were read.
    pub(super) fn pass(&self) {
        if !self.takes_back() {
            self.state().ways.pass();
        }
    }

    /// Hands a parked event to the lane again, as after a restart.
    pub(super) fn feed_parked(self: &Arc<Self>, read: &Read, parked: &Parked) {
        match (&read.content, self.subscriber.index_of(read)) {
            _ if parked.died_at.is_some() => self.block(read),
            (Content::Event(event), Some(index)) => self.push(event, index, read, Some(parked)),
            (Content::Event(_), None) => {}
            (Content::Unreadable { logged, error, .. }, _) => self.die_unread(read, logged, error),
        }
    }

    fn push(
        self: &Arc<Self>,
        event: &AnyEvent,
        index: usize,
        read: &Read,
        parked: Option<&Parked>,
    ) {
        let (delivery, keys) = self.delivery(event, index, read);
        self.shared.lifecycle.begin();
        self.in_lane.fetch_add(1, SeqCst);
        self.subscriber.push(delivery, keys, parked);
        // It may have been revoked between the look and the push.
        if self.takes_back() {
            self.subscriber.lane.release_waiting();
        }
    }

    fn delivery(self: &Arc<Self>, event: &AnyEvent, index: usize, read: &Read) -> (Delivery, Keys) {
        let keys = Keys { tenant: event.context().tenant_key(), order: read.key };
        let origin: Arc<dyn Origin> = Arc::clone(self) as _;
        let receipt = Receipt { origin, token: Some(read.position.0) };
        (Delivery { event: event.clone(), route: index, receipt }, self.subscriber.keys(keys))
    }

    /// What is to be saved, if anything has changed.
    pub(super) fn unsaved(&self) -> Option<Change> {
        // While the breaker is open, more room would only be filled with more that waits for it.
        let makes_room = !self.subscriber.lane.is_broken();
        let mut state = self.state();
        let now = Instant::now().into_std();
        let (unsaved, ahead) = state.ways.unsaved(now, PARK_AFTER, makes_room)?;
        // What was parked has made room.
        self.wake_if_it_can_go_on(&state);
        drop(state);
        Some(Change {
            subscription: self.subscriber.id(),
            lease: self.lease,
            checkpoint: unsaved.checkpoint,
            ahead,
            park: unsaved.park,
            unpark: unsaved.unpark,
            dead: unsaved.dead,
            forget_done: unsaved.forget_done,
        })
    }

    pub(super) fn saved(&self) {
        let mut state = self.state();
        state.ways.saved();
        // It may have waited for this to begin a detour.
        if state.ways.is_behind() {
            self.subscriber.wake();
        }
    }

    fn wake_if_it_can_go_on(&self, state: &State) {
        if state.ways.can_go_on() {
            self.subscriber.wake();
        }
    }

    /// A delivery has left the lane. `settle` tells the tracker.
    fn end(
        &self,
        position: Position,
        event: &AnyEvent,
        verdict: Verdict<'_>,
        settle: impl FnOnce(&mut Tracker),
    ) {
        let mut state = self.state();
        settle(state.ways.tracker_of(position));
        self.wake_if_it_can_go_on(&state);
        drop(state);
        (self.shared.settled)(&self.subscriber.lane.name, event, verdict);
        self.in_lane.fetch_sub(1, SeqCst);
        self.shared.lifecycle.end();
    }

    /// Appends what the handler of `event` has published, and settles the delivery when it is appended.
    fn append(
        self: Arc<Self>,
        position: Position,
        event: AnyEvent,
        entry: Entry,
        events: Vec<AnyEvent>,
        to: Option<Arc<dyn Publishes>>,
    ) {
        let deadline = Instant::now() + PUBLISH_FOR;
        let appended = self.shared.appender().append_now(entry, events, deadline, to);
        let in_flight = self.shared.lifecycle.enter();
        tokio::spawn(async move {
            let appended = tokio::select! {
                biased;
                appended = appended => appended,
                () = self.shared.lifecycle.stopped() => Err(NotAppended::Stopped),
            };
            match appended {
                // Without a position, it was appended before.
                Ok(_) => self.appended(position, &event),
                Err(NotAppended::Stopped) => self.stopped(position, &event),
                Err(error) => self.refused(position, &event, error),
            }
            drop(in_flight);
        });
    }

    /// What the handler published is appended.
    fn appended(&self, position: Position, event: &AnyEvent) {
        let mut state = self.state();
        match state.publishing.remove(&position) {
            Some(Publishing::Handled { attempts }) => {
                drop(state);
                self.end(position, event, Verdict::Done { attempts }, |tracker| {
                    tracker.settle_with_done_row(position);
                });
            }
            Some(Publishing::Dead { attempts, error, blocks }) => {
                drop(state);
                self.die(position, event, attempts, &error, blocks);
            }
            _ => drop(state.publishing.insert(position, Publishing::Appended)),
        }
    }

    /// The application has stopped before what the handler published was appended: the delivery stays open.
    fn stopped(&self, position: Position, event: &AnyEvent) {
        let publishing = self.state().publishing.remove(&position);
        if let Some(Publishing::Handled { .. } | Publishing::Dead { .. }) = publishing {
            self.settle(event, Some(position.0), Verdict::Release);
        }
    }

    /// What the handler published cannot be stored.
    fn refused(&self, position: Position, event: &AnyEvent, why: impl fmt::Display) {
        let error = HandlerError::msg(format!("what it published cannot be stored: {why}"));
        let error = AttemptError::Failed(Arc::new(error));
        let mut state = self.state();
        match state.publishing.remove(&position) {
            Some(Publishing::Handled { attempts }) => {
                drop(state);
                self.die(position, event, attempts, &error, false);
            }
            Some(Publishing::Dead { attempts, error: own, blocks }) => {
                drop(state);
                tracing::error!(event = event.name(), "the death of a delivery was not published");
                self.die(position, event, attempts, &own, blocks);
            }
            _ => drop(state.publishing.insert(position, Publishing::Refused(error))),
        }
    }

    /// The mark that the delivery of `event` at `position` has had its effect.
    pub(super) fn done_row(&self, position: Position, event: Uuid) -> DoneRow {
        DoneRow { subscription: self.subscriber.id(), lease: self.lease, position, event }
    }

    /// The effects of the delivery at `position`, with its done row, are in the store.
    pub(super) fn note_done_row(&self, position: Position) {
        self.state().publishing.insert(position, Publishing::Appended);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origin for Slice {
    fn takes_back(&self) -> bool {
        self.is_revoked() || !self.shared.is_feeding()
    }

    /// A node that could not renew its leases waits: when it can, they may still be its own.
    fn may_begin(&self) -> bool {
        !self.takes_back() && self.shared.leases.are_valid()
    }

    /// Appends what the handler published, together with a done row. After that the delivery is settled.
    fn publish(
        self: Arc<Self>,
        event: &AnyEvent,
        token: Option<u64>,
        effects: Vec<Box<dyn Effect>>,
    ) {
        let position = position(token);
        let deferred = effects.into_iter().map(|effect| (effect as Box<dyn Any>).downcast());
        let deferred: Vec<Box<Deferred>> = deferred.filter_map(Result::ok).collect();
        let to = deferred.first().map(|it| Arc::clone(&it.to));
        let encoded = self.shared.codec.entry(deferred.into_iter().map(|it| *it));
        let (mut entry, events) = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return self.refused(position, event, error),
        };
        entry.done.push(self.done_row(position, event.id()));
        self.state().publishing.insert(position, Publishing::Appending);
        self.append(position, event.clone(), entry, events, to);
    }

    /// Appends the event of a death. The dead letter is written after that: if the process crashes in between, the delivery
    /// is repeated, and no death is lost.
    fn announce(self: Arc<Self>, event: &AnyEvent, token: Option<u64>, death: Deferred) {
        let position = position(token);
        let to = Arc::clone(&death.to);
        let (entry, events) = match self.shared.codec.entry([death]) {
            Ok(encoded) => encoded,
            Err(error) => {
                tracing::error!(event = event.name(), %error, "the death of a delivery cannot be published");
                return;
            }
        };
        self.state().publishing.insert(position, Publishing::Appending);
        self.append(position, event.clone(), entry, events, to.into());
    }

    fn settle(&self, event: &AnyEvent, token: Option<u64>, verdict: Verdict<'_>) {
        let position = position(token);
        match verdict {
            Verdict::Retry { attempts, wait, error } => {
                let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
                let now = self.shared.lifecycle.clock.timestamp();
                let due = now.checked_add(wait).unwrap_or(Timestamp::MAX);
                let error = event.redacted_text(error);
                let mut state = self.state();
                state.ways.tracker_of(position).retry(position, attempts, due, error);
                drop(state);
                // It may wait at a paused handler now, for which a shutdown does not wait.
                self.shared.lifecycle.note_change();
            }
            Verdict::Done { attempts } => {
                let mut state = self.state();
                match state.publishing.remove(&position) {
                    None => {
                        drop(state);
                        self.end(position, event, verdict, |tracker| {
                            tracker.settle(position);
                        });
                    }
                    Some(Publishing::Appended) => {
                        drop(state);
                        self.end(position, event, verdict, |tracker| {
                            tracker.settle_with_done_row(position);
                        });
                    }
                    Some(Publishing::Refused(error)) => {
                        // Those behind it may have begun.
                        drop(state);
                        self.die(position, event, attempts, &error, false);
                    }
                    Some(_) => {
                        state.publishing.insert(position, Publishing::Handled { attempts });
                    }
                }
            }
            Verdict::Dead { attempts, error, blocks } => {
                let mut state = self.state();
                if let Some(Publishing::Appending) = state.publishing.remove(&position) {
                    let error = error.clone();
                    let dead = Publishing::Dead { attempts, error, blocks };
                    state.publishing.insert(position, dead);
                } else {
                    drop(state);
                    self.die(position, event, attempts, error, blocks);
                }
            }
            // It stays open: its next owner handles it.
            Verdict::Release => self.end(position, event, verdict, |_| ()),
        }
    }
}

pub(super) fn position(token: Option<u64>) -> Position {
    Position(token.unwrap_or_default())
}
