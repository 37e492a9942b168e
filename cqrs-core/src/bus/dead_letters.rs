//! Deliveries that failed for good.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use jiff::Timestamp;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::lane::Lane;
use super::queue::{Delivery, Keys, Turn};
use crate::context::TenantScope;
use crate::context::message_id;
use crate::handler::DeliveryError;
use crate::handler::ErasedEventHandler;
use crate::message::AnyEvent;
use crate::runtime::Lifecycle;

/// A delivery that failed for good: its event, its handler, and why.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeadLetter {
    /// This dead letter's own id (uuid v7).
    pub id: Uuid,
    /// The handler's stable name.
    pub handler: Arc<str>,
    /// The event, with its context.
    pub event: AnyEvent,
    /// How many attempts were made.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub error: DeliveryError,
    /// When the last attempt failed, by the wall clock.
    pub died_at: Timestamp,
}

impl DeadLetter {
    pub(super) fn new(handler: &Arc<str>, turn: &Turn, error: DeliveryError) -> Self {
        Self {
            id: message_id::new(),
            handler: Arc::clone(handler),
            event: turn.event.clone(),
            attempts: turn.attempt,
            error,
            died_at: Timestamp::now(),
        }
    }
}

impl fmt::Debug for DeadLetter {
    /// The error's text, without the redacted values that it quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("id", &self.id)
            .field("handler", &self.handler)
            .field("event", &self.event)
            .field("attempts", &self.attempts)
            .field("error", &self.event.redacted_text(&self.error))
            .field("died_at", &self.died_at)
            .finish()
    }
}

/// Which dead letters: all, or those that match every part that is set.
///
/// ```
/// use cqrs_core::{DeadLetterFilter, TenantId, TenantScope};
///
/// let acme = TenantScope::Tenant(TenantId::new("acme")?);
/// let filter = DeadLetterFilter::all().handler("send-welcome-email").tenant(acme);
/// # let _ = filter;
/// # Ok::<(), cqrs_core::InvalidTenant>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    handler: Option<String>,
    event: Option<String>,
    tenant: Option<TenantScope>,
}

impl DeadLetterFilter {
    /// Every dead letter, of every tenant.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of the handler with this stable name.
    pub fn handler(mut self, name: impl Into<String>) -> Self {
        self.handler = Some(name.into());
        self
    }

    /// Those of the event with this stable name.
    pub fn event(mut self, name: impl Into<String>) -> Self {
        self.event = Some(name.into());
        self
    }

    /// Those of one tenant, or of the system scope.
    pub fn tenant(mut self, tenant: TenantScope) -> Self {
        self.tenant = Some(tenant);
        self
    }

    fn matches(&self, letter: &DeadLetter) -> bool {
        self.handler.as_ref().is_none_or(|handler| **handler == *letter.handler)
            && self.event.as_ref().is_none_or(|event| event == letter.event.name())
            && self.tenant.as_ref().is_none_or(|tenant| tenant == letter.event.context().tenant())
    }
}

/// The dead letters of an application: for its operators, who see all tenants.
///
/// Only so many are kept ([`dead_letter_capacity`](crate::AppBuilder::dead_letter_capacity)); beyond
/// that the oldest is dropped, logged and counted.
#[derive(Debug)]
pub struct DeadLetters {
    lifecycle: Arc<Lifecycle>,
    lanes: OnceLock<Vec<Weak<Lane>>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    letters: VecDeque<Entry>,
    capacity: usize,
    dropped: u64,
}

struct Entry {
    letter: DeadLetter,
    keys: Keys,
    handler: Arc<dyn ErasedEventHandler>,
}

impl DeadLetters {
    pub(crate) fn new(lifecycle: Arc<Lifecycle>, capacity: usize) -> Self {
        let kept = Kept { capacity, ..Kept::default() };
        Self { lifecycle, lanes: OnceLock::new(), kept: Mutex::new(kept) }
    }

    /// Says where redelivered letters go.
    pub(super) fn connect(&self, lanes: &[Arc<Lane>]) {
        let _ = self.lanes.set(lanes.iter().map(Arc::downgrade).collect());
    }

    pub(super) fn add(&self, letter: DeadLetter, keys: Keys, handler: Arc<dyn ErasedEventHandler>) {
        let mut kept = self.kept();
        kept.letters.push_back(Entry { letter, keys, handler });
        let overflow = kept.overflow();
        drop(kept);
        if let Some(Entry { letter, .. }) = overflow {
            tracing::error!(
                handler = &*letter.handler, event = letter.event.name(), event_id = %letter.event.id(),
                "there are too many dead letters: the oldest was dropped"
            );
        }
    }

    /// The dead letters that match, oldest first.
    pub fn list(&self, filter: &DeadLetterFilter) -> Vec<DeadLetter> {
        let kept = self.kept();
        let matching = kept.letters.iter().filter(|entry| filter.matches(&entry.letter));
        matching.map(|entry| entry.letter.clone()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept().letters.len()
    }

    /// How many there are of each handler that has some.
    #[cfg(feature = "metrics")]
    pub(super) fn count_by_handler(&self) -> rustc_hash::FxHashMap<Arc<str>, usize> {
        let mut counts = rustc_hash::FxHashMap::default();
        for entry in &self.kept().letters {
            *counts.entry(Arc::clone(&entry.letter.handler)).or_default() += 1;
        }
        counts
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were dropped because there were too many.
    pub fn dropped(&self) -> u64 {
        self.kept().dropped
    }

    /// Delivers one again, with a full set of attempts. If it fails again, it is a new dead letter.
    ///
    /// # Errors
    ///
    /// [`RedeliverError`] when there is no such dead letter, or the application takes no more work; in
    /// the latter case it is kept.
    pub fn redeliver(&self, id: Uuid) -> Result<(), RedeliverError> {
        match self.redeliver_where(|letter| letter.id == id)? {
            0 => Err(NoSuchDeadLetter { id }.into()),
            _ => Ok(()),
        }
    }

    /// Delivers all that match again, oldest first, and says how many there were.
    ///
    /// # Errors
    ///
    /// [`RedeliverError::ShutDown`] when the application takes no more work; all are kept.
    pub fn redeliver_all(&self, filter: &DeadLetterFilter) -> Result<usize, RedeliverError> {
        self.redeliver_where(|letter| filter.matches(letter))
    }

    /// Forgets one.
    ///
    /// # Errors
    ///
    /// [`NoSuchDeadLetter`] when it is not there.
    pub fn discard(&self, id: Uuid) -> Result<DeadLetter, NoSuchDeadLetter> {
        let entry = self.kept().extract(|letter| letter.id == id).pop();
        #[cfg(feature = "metrics")]
        self.lifecycle.note_activity();
        entry.map(|entry| entry.letter).ok_or(NoSuchDeadLetter { id })
    }

    /// Forgets all that match and says how many there were.
    pub fn discard_all(&self, filter: &DeadLetterFilter) -> usize {
        let discarded = self.kept().extract(|letter| filter.matches(letter));
        #[cfg(feature = "metrics")]
        self.lifecycle.note_activity();
        discarded.len()
    }

    fn redeliver_where(
        &self,
        matches: impl Fn(&DeadLetter) -> bool,
    ) -> Result<usize, RedeliverError> {
        Handle::try_current().map_err(|_| RedeliverError::NoRuntime)?;
        let admission = self.lifecycle.admit(false).ok_or(RedeliverError::ShutDown)?;
        // Until they are handed over, the application cannot stop.
        let passage = self.lifecycle.pass().ok_or(RedeliverError::ShutDown)?;
        let entries = self.kept().extract(matches);
        let count = entries.len();
        for entry in entries {
            self.redeliver_entry(entry);
        }
        drop((passage, admission));
        Ok(count)
    }

    /// They were within bounds as dead letters, so they are let in as what handlers publish is.
    fn redeliver_entry(&self, entry: Entry) {
        let lanes = self.lanes.get().into_iter().flatten();
        let mut lanes = lanes.filter_map(Weak::upgrade);
        let Some(lane) = lanes.find(|lane| lane.handler_name == entry.letter.handler) else {
            return;
        };
        lane.push(Delivery {
            event: entry.letter.event,
            handler: entry.handler,
            keys: entry.keys,
            attempts: 0,
            repeated: false,
            alone: false,
            due: None,
            waiter: None,
            _place: None,
            _in_flight: self.lifecycle.enter(),
        });
        // It has died here before, so its workers run, unless their runtime is gone.
        let _ = lane.ensure_workers();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn overflow(&mut self) -> Option<Entry> {
        if self.letters.len() <= self.capacity {
            return None;
        }
        self.dropped += 1;
        self.letters.pop_front()
    }

    fn extract(&mut self, matches: impl Fn(&DeadLetter) -> bool) -> Vec<Entry> {
        let entries = std::mem::take(&mut self.letters);
        let (extracted, rest): (Vec<_>, _) =
            entries.into_iter().partition(|entry| matches(&entry.letter));
        self.letters = rest.into();
        extracted
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("letters", &self.letters.len()).finish_non_exhaustive()
    }
}

/// There is no dead letter with this id: it was redelivered, discarded, or dropped for want of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no dead letter {id}; it may have been redelivered or discarded already")]
#[non_exhaustive]
pub struct NoSuchDeadLetter {
    /// What was asked for.
    pub id: Uuid,
}

/// A dead letter could not be delivered again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedeliverError {
    /// There is none with this id.
    #[error(transparent)]
    NoSuchDeadLetter(#[from] NoSuchDeadLetter),
    /// The application takes no more work. The dead letter is kept.
    #[error("the application is shut down; the dead letter is kept")]
    ShutDown,
    /// There is no Tokio runtime here to run the handler on. The dead letter is kept.
    #[error("there is no Tokio runtime here to run the handler on; the dead letter is kept")]
    NoRuntime,
}
