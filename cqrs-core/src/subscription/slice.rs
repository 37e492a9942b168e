//! One subscription on one shard: its deliveries report here what becomes of them.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashSet;
use tokio::time::Instant;

use super::codec::Content;
use super::subscriber::Subscriber;
use super::tracker::Tracker;
use super::{Read, Shared};
use crate::lane::{Delivery, Origin, Receipt, Verdict};
use crate::log::{Change, DeadDelivery, DoneRow, Entry, Lease, Parked, Position};
use crate::message::AnyEvent;
use crate::schedule::Keys;

/// How long a delivery may hold the checkpoint before it is parked.
const PARK_AFTER: Duration = Duration::from_secs(1);

/// How long the store is tried for what a handler published. After that the delivery is handled again, by this
/// process after its next start, or by another one.
const PUBLISH_FOR: Duration = Duration::from_hours(1);

/// One subscription on one shard that this process has the lease of.
pub(super) struct Slice {
    subscriber: Arc<Subscriber>,
    pub(super) lease: Lease,
    shared: Arc<Shared>,
    /// Set when the lease is lost or given back: no attempt begins from then on.
    is_revoked: AtomicBool,
    state: Mutex<State>,
}

struct State {
    tracker: Tracker,
    /// What is handled, but what its handler published is not appended yet.
    publishing: FxHashSet<Position>,
    /// Whether there may be done rows that can be removed.
    has_done_rows: bool,
    /// Whether events were read that could not be opened.
    is_behind: bool,
}

impl Slice {
    pub(super) fn new(
        subscriber: &Arc<Subscriber>,
        lease: Lease,
        shared: &Arc<Shared>,
        checkpoint: Position,
        parked: &[Parked],
    ) -> Arc<Self> {
        let state = State {
            tracker: Tracker::new(checkpoint, parked.to_vec()),
            publishing: FxHashSet::default(),
            has_done_rows: true,
            is_behind: false,
        };
        Arc::new(Self {
            subscriber: Arc::clone(subscriber),
            lease,
            shared: Arc::clone(shared),
            is_revoked: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    /// Lets no attempt begin from now on.
    pub(super) fn revoke(&self) {
        self.is_revoked.store(true, SeqCst);
    }

    /// The position up to which events were read.
    pub(super) fn read_up_to(&self) -> Position {
        self.state().tracker.read_up_to()
    }

    /// The position up to which all is settled, and nothing is parked.
    pub(super) fn is_settled_up_to(&self, end: Position) -> bool {
        let state = self.state();
        state.tracker.is_settled_up_to(end)
    }

    /// From where to read again, if events were left out and there is room for them now.
    pub(super) fn resume(&self) -> Option<Position> {
        let mut state = self.state();
        let resumes = state.is_behind && !state.tracker.is_full();
        resumes.then(|| {
            state.is_behind = false;
            state.tracker.read_up_to()
        })
    }

    /// Takes an event in, and hands it to the lane if the handler wants it. An event that was read before is left out.
    pub(super) fn feed(self: &Arc<Self>, read: &Read) {
        let mut state = self.state();
        if state.is_behind || read.position <= state.tracker.read_up_to() {
            return;
        }
        let Some(index) = self.subscriber.index_of(read) else {
            return state.tracker.pass(read.position);
        };
        if state.tracker.is_full() {
            state.is_behind = true;
            return;
        }
        state.tracker.open(read.position, Instant::now());
        match &read.content {
            Content::Event(event) => {
                drop(state);
                self.push(event, index, read, None);
            }
            Content::Unreadable { logged, error, .. } => {
                let event = (**logged).clone();
                tracing::error!(
                    handler = self.subscriber.name(), event = &*event.event.name, position = read.position.0,
                    "{error}; it is a dead letter now"
                );
                let dead = DeadDelivery { event, attempts: 0, error: error.clone() };
                state.tracker.dead(read.position, dead);
            }
        }
    }

    /// Hands a parked event to the lane again, after a restart.
    pub(super) fn resume_parked(self: &Arc<Self>, read: &Read, parked: &Parked) {
        match (&read.content, self.subscriber.index_of(read)) {
            (Content::Event(event), Some(index)) => self.push(event, index, read, Some(parked)),
            // The handler does not want it any more, or cannot read it any more.
            _ => drop(self.state().tracker.settle(read.position)),
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
        self.subscriber.push(delivery, keys, parked);
    }

    /// What is to be saved, if anything has changed.
    pub(super) fn to_save(&self) -> Option<Change> {
        let mut state = self.state();
        let has_done_rows = state.has_done_rows;
        let progress = state.tracker.to_save(Instant::now(), PARK_AFTER)?;
        self.subscriber.note_parked(progress.newly_parked);
        Some(Change {
            subscription: self.subscriber.id(),
            lease: self.lease,
            checkpoint: progress.checkpoint,
            park: progress.park,
            unpark: progress.unpark,
            dead: progress.dead,
            forget_done: has_done_rows,
        })
    }

    pub(super) fn saved(&self, change: &Change) {
        let mut state = self.state();
        state.tracker.saved(change);
        state.has_done_rows = !state.publishing.is_empty();
    }

    fn settled(&self, position: Position, event: &AnyEvent, verdict: Verdict<'_>) {
        let was_parked = self.state().tracker.settle(position);
        self.subscriber.settled(was_parked, event, verdict);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origin for Slice {
    fn may_begin(&self) -> bool {
        !self.is_revoked.load(SeqCst) && self.shared.is_working()
    }

    fn publish(self: Arc<Self>, _event: &AnyEvent, token: Option<u64>, events: Vec<AnyEvent>) {
        let _ = (token, events);
    }

    fn settle(&self, event: &AnyEvent, token: Option<u64>, verdict: Verdict<'_>) {
        let _ = (event, token, verdict);
    }
}
