//! The last events of the log that this process has seen, for all of its subscriptions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::codec::Read;
use crate::log::{Position, SeenEvent};

/// The last events of the log that this process has seen. Subscriptions read it at their own pace; one that is
/// further behind reads the log itself until it has caught up.
pub(super) struct Window {
    capacity: usize,
    ring: Mutex<Ring>,
    /// The last position that is or was in the window.
    end: watch::Sender<Position>,
    /// Notified when a subscription has read all that is here.
    pub(super) wanted: Notify,
}

struct Ring {
    /// Without holes between their positions.
    events: VecDeque<Arc<Read>>,
    /// The id of the event at the end, once it is known.
    last: Option<Uuid>,
    /// The event behind which this process has appended, until the log was seen to have both. Between the two, a server
    /// whose log ended earlier may have taken over.
    before_own: Option<SeenEvent>,
    /// How many times it has begun again.
    generation: u32,
    /// How far each subscription has read.
    readers: Vec<Position>,
}

/// What a subscription finds in the window.
pub(super) enum Found {
    /// The next events, at least one.
    Events(Vec<Arc<Read>>),
    /// Nothing new.
    End,
    /// The next event is not here any more.
    Gone,
}

impl Window {
    /// An empty window, for so many subscriptions that go on after `position`.
    pub(super) fn new(capacity: usize, readers: usize, position: Position) -> Self {
        let (end, _) = watch::channel(position);
        let ring = Ring {
            events: VecDeque::new(),
            last: None,
            before_own: None,
            generation: 0,
            readers: vec![position; readers],
        };
        Self { capacity: capacity.max(1), ring: Mutex::new(ring), end, wanted: Notify::new() }
    }

    pub(super) fn end(&self) -> Position {
        *self.end.borrow()
    }

    /// Whether the log, which has the event `id` at `position`, is the one that was read before.
    pub(super) fn is_of(&self, position: Position, id: Uuid) -> bool {
        let mut ring = self.ring();
        position != self.end() || *ring.last.get_or_insert(id) == id
    }

    /// The events by which the log is known to be the one that was read.
    pub(super) fn seen(&self) -> Vec<SeenEvent> {
        let ring = self.ring();
        ring.before_own.into_iter().chain(self.seen_last(&ring)).collect()
    }

    /// The log has all of these, which [`seen`](Self::seen) has returned.
    pub(super) fn confirm(&self, seen: &[SeenEvent]) {
        let mut ring = self.ring();
        // Otherwise it has begun again.
        if ring.before_own.is_some() && ring.before_own == seen.first().copied() {
            let last = seen.last().copied();
            // Behind it, this process may have appended more.
            ring.before_own = last.filter(|last| last.position < self.end());
        }
    }

    fn seen_last(&self, ring: &Ring) -> Option<SeenEvent> {
        Some(SeenEvent { position: self.end(), id: ring.last? })
    }

    /// Begins again after `position`, because the log is another one.
    pub(super) fn begin_again(&self, position: Position) {
        let mut ring = self.ring();
        ring.events.clear();
        ring.last = None;
        ring.before_own = None;
        ring.generation += 1;
        ring.readers.fill(position);
        self.end.send_replace(position);
    }

    /// How many times it has begun again.
    pub(super) fn generation(&self) -> u32 {
        self.ring().generation
    }

    /// Tells when [`end`](Self::end) moves.
    pub(super) fn watch(&self) -> watch::Receiver<Position> {
        self.end.subscribe()
    }

    /// Adds events that were read from the log after `after`, and drops the oldest beyond the capacity. The first
    /// ones after `after` may have been pruned.
    pub(super) fn push_read(&self, after: Position, events: Vec<Read>) {
        let mut ring = self.ring();
        if after == self.end()
            && let Some(first) = events.first()
            && first.position > after.next()
        {
            ring.events.clear();
            self.end.send_replace(Position(first.position.0 - 1));
        }
        self.extend(&mut ring, events);
        let surplus = ring.events.len().saturating_sub(self.capacity);
        ring.events.drain(..surplus);
    }

    /// Adds events that this process has appended, if they are the next and no subscription loses events that it has
    /// not read; otherwise they will be read from the log.
    pub(super) fn push_own(&self, events: Vec<Read>) {
        let mut ring = self.ring();
        let last = self.seen_last(&ring);
        if last.is_none() && self.end() > Position::START {
            return;
        }
        // A subscription that is further behind reads the log.
        let first = ring.events.front().map_or(self.end().next(), |first| first.position);
        let readers = ring.readers.iter().filter(|reader| reader.next() >= first);
        let slowest = readers.min().copied().unwrap_or(self.end());
        while ring.events.front().is_some_and(|first| first.position <= slowest) {
            ring.events.pop_front();
        }
        let end = self.end();
        if ring.events.len() < self.capacity {
            self.extend(&mut ring, events);
        }
        if self.end() > end {
            ring.before_own = ring.before_own.or(last);
        }
    }

    fn extend(&self, ring: &mut Ring, events: Vec<Read>) {
        let mut end = self.end();
        for event in events {
            if event.position == end.next() {
                end = event.position;
                ring.last = Some(event.id());
                ring.events.push_back(Arc::new(event));
            }
        }
        self.end.send_if_modified(|old| std::mem::replace(old, end) != end);
    }

    /// The next events for the subscription with the number `reader`, which has read everything up to `after`.
    pub(super) fn read(&self, reader: usize, after: Position, at_most: usize) -> Found {
        let mut ring = self.ring();
        if let Some(position) = ring.readers.get_mut(reader) {
            *position = after;
        }
        if after >= self.end() {
            drop(ring);
            self.wanted.notify_one();
            return Found::End;
        }
        let first = ring.events.front().map(|first| first.position);
        match first.and_then(|first| after.next().0.checked_sub(first.0)) {
            None => Found::Gone,
            Some(skipped) => {
                let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                let events = ring.events.iter().skip(skipped).take(at_most.max(1));
                Found::Events(events.cloned().collect())
            }
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
