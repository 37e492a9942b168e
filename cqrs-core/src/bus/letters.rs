//! Deliveries that failed for good, as they are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use jiff::Timestamp;
use uuid::Uuid;

use crate::handler::DeliveryError;
use crate::lane::Lane;
use crate::message::AnyEvent;

/// A delivery that failed for good: its event, its handler, and why.
pub(crate) struct DeadLetter {
    /// This dead letter's own id (uuid v7).
    pub(crate) id: Uuid,
    /// The handler's stable name.
    pub(crate) handler: Arc<str>,
    /// The event, with its context.
    pub(crate) event: AnyEvent,
    /// How many attempts were made.
    pub(crate) attempts: u32,
    /// Why the last attempt failed.
    pub(crate) error: DeliveryError,
    /// When the last attempt failed, by the wall clock.
    pub(crate) died_at: Timestamp,
    /// Where the later events of its order key wait for it, if it blocks the key.
    pub(crate) blocks: Option<Weak<Lane>>,
}

/// Where dead letters are kept.
pub(crate) struct Letters {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) letters: VecDeque<DeadLetter>,
    pub(crate) dropped: u64,
}

impl Letters {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default() }
    }

    pub(crate) fn add(&self, letter: DeadLetter) {
        let mut kept = self.kept();
        kept.letters.push_back(letter);
        let is_full = kept.letters.len() > self.capacity;
        let oldest = if is_full { kept.letters.pop_front() } else { None };
        kept.dropped += u64::from(is_full);
        drop(kept);
        if let Some(letter) = oldest {
            letter.release();
            tracing::error!(
                handler = &*letter.handler, event = letter.event.name(), event_id = %letter.event.id(),
                "there are too many dead letters: the oldest was dropped"
            );
        }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeadLetter {
    /// Lets the later events of its order key follow, if it blocks the key.
    pub(crate) fn release(&self) {
        if let Some(lane) = self.blocked_lane() {
            lane.release_blocking(self.event.id());
        }
    }

    /// Where it blocks its order key.
    pub(crate) fn blocked_lane(&self) -> Option<Arc<Lane>> {
        self.blocks.as_ref()?.upgrade()
    }
}

impl Kept {
    pub(crate) fn extract(&mut self, matches: impl Fn(&DeadLetter) -> bool) -> Vec<DeadLetter> {
        let letters = std::mem::take(&mut self.letters);
        let (extracted, rest): (Vec<_>, _) = letters.into_iter().partition(matches);
        self.letters = rest.into();
        extracted
    }
}
