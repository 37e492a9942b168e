//! The last events of the log that this process has seen, for all of its subscriptions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{self, Notify, watch};

use super::codec::Read;
use crate::log::Position;

/// The last events of the log that this process has seen. Subscriptions read it at their own pace; one that is
/// further behind reads the log itself until it has caught up.
pub(super) struct Window {
    capacity: usize,
    ring: Mutex<Ring>,
    /// The last position that is or was in the window.
    end: watch::Sender<Position>,
    /// Notified when a subscription has read all that is here.
    pub(super) wanted: Notify,
    /// Held from an append of this process until its events are here.
    pub(super) appending: sync::Mutex<()>,
}

struct Ring {
    /// Without holes between their positions.
    events: VecDeque<Arc<Read>>,
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
        let ring = Ring { events: VecDeque::new(), readers: vec![position; readers] };
        Self {
            capacity: capacity.max(1),
            ring: Mutex::new(ring),
            end,
            wanted: Notify::new(),
            appending: sync::Mutex::default(),
        }
    }

    pub(super) fn end(&self) -> Position {
        *self.end.borrow()
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
        // A subscription that is further behind reads the log.
        let first = ring.events.front().map_or(self.end().next(), |first| first.position);
        let readers = ring.readers.iter().filter(|reader| reader.next() >= first);
        let slowest = readers.min().copied().unwrap_or(self.end());
        while ring.events.front().is_some_and(|first| first.position <= slowest) {
            ring.events.pop_front();
        }
        if ring.events.len() < self.capacity {
            self.extend(&mut ring, events);
        }
    }

    fn extend(&self, ring: &mut Ring, events: Vec<Read>) {
        let mut end = self.end();
        for event in events {
            if event.position == end.next() {
                end = event.position;
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
