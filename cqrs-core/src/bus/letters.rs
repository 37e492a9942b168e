//! Deliveries that failed for good, as they are kept.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

use crate::context::TenantScope;
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

    pub(super) fn matches(&self, letter: &DeadLetter) -> bool {
        self.handler.as_ref().is_none_or(|handler| **handler == *letter.handler)
            && self.event.as_ref().is_none_or(|event| event == letter.event.name())
            && self.tenant.as_ref().is_none_or(|tenant| tenant == letter.event.context().tenant())
    }
}

/// Where dead letters are kept.
pub(super) struct Letters {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) letters: VecDeque<DeadLetter>,
    pub(super) dropped: u64,
}

impl Letters {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default() }
    }

    pub(super) fn add(&self, letter: DeadLetter) {
        let mut kept = self.kept();
        kept.letters.push_back(letter);
        let is_full = kept.letters.len() > self.capacity;
        let oldest = if is_full { kept.letters.pop_front() } else { None };
        kept.dropped += u64::from(is_full);
        drop(kept);
        if let Some(letter) = oldest {
            tracing::error!(
                handler = &*letter.handler, event = letter.event.name(), event_id = %letter.event.id(),
                "there are too many dead letters: the oldest was dropped"
            );
        }
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    pub(super) fn extract(&mut self, matches: impl Fn(&DeadLetter) -> bool) -> Vec<DeadLetter> {
        let letters = std::mem::take(&mut self.letters);
        let (extracted, rest): (Vec<_>, _) = letters.into_iter().partition(matches);
        self.letters = rest.into();
        extracted
    }
}
