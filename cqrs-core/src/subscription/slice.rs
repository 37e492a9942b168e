//! One subscription on one shard: its deliveries report here what becomes of them.

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
use super::{NotAppended, Shared};
use crate::context::Effect;
use crate::handler::{AttemptError, DeliveryError, HandlerError};
use crate::lane::{Deferred, Delivery, Origin, Receipt, Verdict};
use crate::log::{Change, DeadDelivery, DeliveryId, DoneRow, Lease, Parked, Position};
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

struct State {
    tracker: Tracker,
    /// The deliveries whose handler has published something that is not appended yet.
    publishing: FxHashMap<Position, Publishing>,
    /// Up to where the subscriber has fed it.
    fed: Position,
    /// Whether the subscriber must go back for it, because it was full when an event was read. Until then it takes
    /// nothing in: what it left out would count as read.
    is_behind: bool,
}

enum Publishing {
    /// It is being appended.
    Appending,
    /// It is being appended, and the delivery is done after so many attempts.
    Handled { attempts: u32 },
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
        parked: Vec<Parked>,
    ) -> Arc<Self> {
        let tracker = Tracker::new(checkpoint, parked, subscriber.limit);
        let publishing = FxHashMap::default();
        Arc::new(Self {
            subscriber: Arc::clone(subscriber),
            lease,
            shared: Arc::clone(shared),
            is_revoked: AtomicBool::new(false),
            in_lane: AtomicUsize::new(0),
            state: Mutex::new(State { tracker, publishing, fed: checkpoint, is_behind: false }),
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
        self.state().tracker.read_up_to()
    }

    /// Whether everything up to `end` was read and is settled.
    pub(super) fn is_settled_up_to(&self, end: Position) -> bool {
        let state = self.state();
        let is_read = !state.is_behind && state.fed >= end;
        is_read && state.tracker.is_settled_up_to(state.tracker.read_up_to())
    }

    /// Whether this delivery is parked here.
    pub(super) fn has_parked(&self, delivery: DeliveryId) -> bool {
        self.subscriber.id() == delivery.subscription
            && self.state().tracker.is_parked(delivery.position)
    }

    /// After which position it goes on; `None` while it is full, or when it is given back.
    pub(super) fn wants_after(&self) -> Option<Position> {
        if self.takes_back() {
            return None;
        }
        let mut state = self.state();
        if state.is_behind && state.tracker.has_room_again() {
            state.is_behind = false;
            state.fed = state.tracker.read_up_to();
        }
        (!state.is_behind).then_some(state.fed)
    }

    /// It has got all events up to `position`, if it was not full.
    pub(super) fn is_fed_up_to(&self, position: Position) {
        let mut state = self.state();
        if !state.is_behind {
            state.fed = state.fed.max(position);
        }
    }

    /// Takes an event in, and hands it to the lane if the handler wants it. An event that was taken in before is left
    /// out.
    pub(super) fn feed(self: &Arc<Self>, read: &Read) {
        let mut state = self.state();
        if self.takes_back() || state.is_behind || read.position <= state.tracker.read_up_to() {
            return;
        }
        let Some(index) = self.subscriber.index_of(read) else {
            return state.tracker.pass(read.position);
        };
        if state.tracker.is_full() {
            state.is_behind = true;
            return;
        }
        if let Content::Unreadable { is_newer: true, logged, error, .. } = &read.content {
            let (handler, event, position) =
                (self.subscriber.name(), &*logged.event.name, read.position.0);
            tracing::warn!(handler, event, position, "{error}; it is parked until then");
            return state.tracker.leave(read.position, error.clone());
        }
        if !state.tracker.open(read.position, Instant::now().into_std()) {
            return;
        }
        match &read.content {
            Content::Event(event) => {
                drop(state);
                self.push(event, index, read, None);
            }
            Content::Unreadable { logged, error, .. } => {
                let (handler, event) = (self.subscriber.name(), &*logged.event.name);
                tracing::error!(
                    handler,
                    event,
                    position = read.position.0,
                    "{error}; it is a dead letter now"
                );
                let event = (**logged).clone();
                let dead = DeadDelivery { event, attempts: 0, error: error.clone() };
                state.tracker.dead(read.position, dead);
            }
        }
    }

    /// Lets the checkpoint pass the events of other shards that were read.
    pub(super) fn pass(&self) {
        let mut state = self.state();
        if !self.takes_back() && !state.is_behind {
            let fed = state.fed;
            state.tracker.pass(fed);
        }
    }

    /// Hands a parked event to the lane again, as after a restart.
    pub(super) fn feed_parked(self: &Arc<Self>, read: &Read, parked: &Parked) {
        if let Content::Event(event) = &read.content
            && let Some(index) = self.subscriber.index_of(read)
        {
            self.push(event, index, read, Some(parked));
        }
    }

    fn push(
        self: &Arc<Self>,
        event: &AnyEvent,
        index: usize,
        read: &Read,
        parked: Option<&Parked>,
    ) {
        let keys = Keys { tenant: event.context().tenant_key(), order: read.key };
        let origin: Arc<dyn Origin> = Arc::clone(self) as _;
        let receipt = Receipt { origin, token: Some(read.position.0) };
        let delivery = Delivery { event: event.clone(), route: index, receipt };
        self.shared.lifecycle.begin();
        self.in_lane.fetch_add(1, SeqCst);
        self.subscriber.push(delivery, keys, parked);
        // It may have been revoked between the look and the push.
        if self.takes_back() {
            self.subscriber.lane.release_waiting();
        }
    }

    /// What is to be saved, if anything has changed.
    pub(super) fn unsaved(&self) -> Option<Change> {
        // While the breaker is open, more room would only be filled with more that waits for it.
        let makes_room = !self.subscriber.lane.is_broken();
        let mut state = self.state();
        let now = Instant::now().into_std();
        let unsaved = state.tracker.unsaved(now, PARK_AFTER, makes_room)?;
        // What was parked has made room.
        self.wake_if_it_can_go_on(&state);
        drop(state);
        Some(Change {
            subscription: self.subscriber.id(),
            lease: self.lease,
            checkpoint: unsaved.checkpoint,
            park: unsaved.park,
            unpark: unsaved.unpark,
            dead: unsaved.dead,
            forget_done: unsaved.forget_done,
        })
    }

    pub(super) fn saved(&self) {
        self.state().tracker.saved();
    }

    fn wake_if_it_can_go_on(&self, state: &State) {
        if state.is_behind && state.tracker.has_room_again() {
            self.subscriber.wake();
        }
    }

    /// A delivery has left the lane. `settle` tells the tracker.
    fn end(&self, event: &AnyEvent, verdict: Verdict<'_>, settle: impl FnOnce(&mut Tracker)) {
        let mut state = self.state();
        settle(&mut state.tracker);
        self.wake_if_it_can_go_on(&state);
        drop(state);
        (self.shared.settled)(&self.subscriber.lane.name, event, verdict);
        self.in_lane.fetch_sub(1, SeqCst);
        self.shared.lifecycle.end();
    }

    /// What the handler published is appended.
    fn appended(&self, position: Position, event: &AnyEvent) {
        let mut state = self.state();
        match state.publishing.remove(&position) {
            Some(Publishing::Handled { attempts }) => {
                drop(state);
                self.end(event, Verdict::Done { attempts }, |tracker| {
                    tracker.settle_with_done_row(position);
                });
            }
            _ => drop(state.publishing.insert(position, Publishing::Appended)),
        }
    }

    /// The application has stopped before what the handler published was appended: the delivery stays open.
    fn stopped(&self, position: Position, event: &AnyEvent) {
        let publishing = self.state().publishing.remove(&position);
        if let Some(Publishing::Handled { .. }) = publishing {
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
                self.die(position, event, attempts, &error);
            }
            _ => drop(state.publishing.insert(position, Publishing::Refused(error))),
        }
    }

    /// A delivery has failed for good.
    fn die(&self, position: Position, event: &AnyEvent, attempts: u32, error: &DeliveryError) {
        let verdict = Verdict::Dead { attempts, error };
        let error = event.redacted_text(error);
        match self.shared.codec.logged(position, event) {
            Ok(logged) => {
                let dead = DeadDelivery { event: logged, attempts, error };
                self.end(event, verdict, |tracker| tracker.dead(position, dead));
            }
            // It stays open, and is handled again after a restart.
            Err(error) => {
                let handler = self.subscriber.name();
                tracing::error!(handler, event = event.name(), %error, "a dead letter cannot be written");
                self.end(event, verdict, |_| ());
            }
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
        let deadline = Instant::now() + PUBLISH_FOR;
        let appended = self.shared.appender().append_now(entry, events, deadline, to);
        let in_flight = self.shared.lifecycle.enter();
        let event = event.clone();
        tokio::spawn(async move {
            let appended = tokio::select! {
                biased;
                appended = appended => appended,
                () = self.shared.lifecycle.stopped() => Err(NotAppended::Stopped),
            };
            match appended {
                // Without a position, it had happened before.
                Ok(_) => self.appended(position, &event),
                Err(NotAppended::Stopped) => self.stopped(position, &event),
                Err(error) => self.refused(position, &event, error),
            }
            drop(in_flight);
        });
    }

    fn settle(&self, event: &AnyEvent, token: Option<u64>, verdict: Verdict<'_>) {
        let position = position(token);
        match verdict {
            Verdict::Retry { attempts, wait, error } => {
                let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
                let due = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
                let error = event.redacted_text(error);
                self.state().tracker.retry(position, attempts, due, error);
                // It may wait at a paused handler now, for which a shutdown does not wait.
                self.shared.lifecycle.note_change();
            }
            Verdict::Done { attempts } => {
                let mut state = self.state();
                match state.publishing.remove(&position) {
                    None => {
                        drop(state);
                        self.end(event, verdict, |tracker| {
                            tracker.settle(position);
                        });
                    }
                    Some(Publishing::Appended) => {
                        drop(state);
                        self.end(event, verdict, |tracker| tracker.settle_with_done_row(position));
                    }
                    Some(Publishing::Refused(error)) => {
                        drop(state);
                        self.die(position, event, attempts, &error);
                    }
                    Some(Publishing::Appending | Publishing::Handled { .. }) => {
                        state.publishing.insert(position, Publishing::Handled { attempts });
                    }
                }
            }
            Verdict::Dead { attempts, error } => self.die(position, event, attempts, error),
            // It stays open: its next owner handles it.
            Verdict::Release => self.end(event, verdict, |_| ()),
        }
    }
}

pub(super) fn position(token: Option<u64>) -> Position {
    Position(token.unwrap_or_default())
}
