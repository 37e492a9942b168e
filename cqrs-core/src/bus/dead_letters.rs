//! Deliveries that failed for good.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

use super::dispatcher::Dispatcher;
use crate::context::{TenantScope, message_id};
use crate::handler::DeliveryError;
use crate::message::AnyEvent;

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
    pub(super) fn new(
        handler: &Arc<str>,
        event: &AnyEvent,
        attempts: u32,
        error: &DeliveryError,
    ) -> Self {
        Self {
            id: message_id::new(),
            handler: Arc::clone(handler),
            event: event.clone(),
            attempts,
            error: error.clone(),
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
/// use cqrs_core::bus::DeadLetterFilter;
/// use cqrs_core::{TenantId, TenantScope};
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
/// At most [`dead_letter_capacity`](crate::AppBuilder::dead_letter_capacity) are kept; beyond that the
/// oldest is dropped, logged and counted.
#[derive(Clone)]
pub struct DeadLetters(Arc<Dispatcher>);

impl DeadLetters {
    pub(crate) fn new(dispatcher: &Arc<Dispatcher>) -> Self {
        Self(Arc::clone(dispatcher))
    }

    /// The dead letters that match, oldest first.
    pub fn list(&self, filter: &DeadLetterFilter) -> Vec<DeadLetter> {
        let kept = self.0.letters.kept();
        kept.letters.iter().filter(|letter| filter.matches(letter)).cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.letters.kept().letters.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were dropped because there were too many.
    pub fn dropped(&self) -> u64 {
        self.0.letters.kept().dropped
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

    /// Delivers all that match again, oldest first, and returns how many there were.
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
        self.0.letters.kept().extract(|letter| letter.id == id).pop().ok_or(NoSuchDeadLetter { id })
    }

    /// Forgets all that match and returns how many there were.
    pub fn discard_all(&self, filter: &DeadLetterFilter) -> usize {
        self.0.letters.kept().extract(|letter| filter.matches(letter)).len()
    }

    fn redeliver_where(
        &self,
        matches: impl Fn(&DeadLetter) -> bool,
    ) -> Result<usize, RedeliverError> {
        let lifecycle = &self.0.shared.lifecycle;
        let _admission = lifecycle.admit(false).ok_or(RedeliverError::ShutDown)?;
        let letters = self.0.letters.kept().extract(matches);
        let count = letters.len();
        let mut letters = letters.into_iter();
        while let Some(letter) = letters.next() {
            if self.0.redeliver(&letter.handler, &letter.event).is_err() {
                self.0.letters.add(letter);
                letters.for_each(|letter| self.0.letters.add(letter));
                return Err(RedeliverError::ShutDown);
            }
        }
        Ok(count)
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Where dead letters are kept.
pub(super) struct Letters {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    letters: VecDeque<DeadLetter>,
    dropped: u64,
}

impl Letters {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default() }
    }

    pub(super) fn add(&self, letter: DeadLetter) {
        let mut kept = self.kept();
        kept.letters.push_back(letter);
        let oldest = if kept.letters.len() > self.capacity {
            kept.dropped += 1;
            kept.letters.pop_front()
        } else {
            None
        };
        drop(kept);
        if let Some(letter) = oldest {
            tracing::error!(
                handler = &*letter.handler, event = letter.event.name(), event_id = %letter.event.id(),
                "there are too many dead letters: the oldest was dropped"
            );
        }
    }

    /// How many there are of each handler that has some.
    #[cfg(feature = "metrics")]
    pub(super) fn count_by_handler(&self) -> rustc_hash::FxHashMap<Arc<str>, usize> {
        let mut counts = rustc_hash::FxHashMap::default();
        for letter in &self.kept().letters {
            *counts.entry(Arc::clone(&letter.handler)).or_default() += 1;
        }
        counts
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn extract(&mut self, matches: impl Fn(&DeadLetter) -> bool) -> Vec<DeadLetter> {
        let letters = std::mem::take(&mut self.letters);
        let (extracted, rest): (Vec<_>, _) = letters.into_iter().partition(matches);
        self.letters = rest.into();
        extracted
    }
}

/// There is no dead letter with this id: it was redelivered, discarded, or dropped because there were too many.
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
}
