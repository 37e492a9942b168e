//! The context of an effect, derived from the context of its cause.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

#[cfg(feature = "otel")]
use super::TraceParent;
use super::work::{Effect, Work, WorkGuard};
use super::{Context, current, message_id};
use crate::runtime::Lifecycle;

/// The contexts that buses and lanes derive.
impl Context {
    /// The context of a message that the message of this context causes.
    pub(super) fn child(&self) -> Self {
        Self { message_id: message_id::new(), causation_id: Some(self.message_id), ..self.clone() }
    }

    /// The context of an event: without the request's deadline, and not yet part of any work.
    ///
    /// # Errors
    ///
    /// The chain of events that caused the event, if it is longer than `limit`.
    pub(crate) fn for_event(&self, limit: u32) -> Result<Self, CauseChain> {
        // A handler that makes a fresh context still continues its chain.
        let causes = match &self.work {
            Some(_) => self.next_causes(),
            None => current::with(Self::next_causes).unwrap_or_else(|| self.causes.clone()),
        };
        match causes {
            Some(chain) if chain.length > limit => Err(Arc::unwrap_or_clone(chain)),
            causes => Ok(self.effect(causes)),
        }
    }

    /// The context of an event that is published at this time.
    pub(crate) fn at(self, time: Timestamp) -> Self {
        Self { message_id: message_id::at(time), ..self }
    }

    fn next_causes(&self) -> Option<Arc<CauseChain>> {
        match self.delivery() {
            None => self.causes.clone(),
            Some((event, _)) => Some(CauseChain::after(self.causes.as_deref(), event)),
        }
    }

    /// The context of a message that is refused, for the span that records the refusal.
    pub(crate) fn for_refusal(&self) -> Self {
        self.effect(self.causes.clone())
    }

    /// The context of an effect, without the deadline and the work of this one.
    fn effect(&self, causes: Option<Arc<CauseChain>>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            message_id: message_id::new(),
            causation_id: Some(self.message_id),
            causes,
            traceparent: self.traceparent,
            deadline: None,
            idempotency_key: None,
            work: None,
        }
    }

    /// Sets the span of this message, from which its effects continue the trace.
    #[cfg(feature = "otel")]
    pub(crate) fn continue_trace(&mut self, from: TraceParent) {
        self.traceparent = Some(from);
    }

    /// The context of a command or query that begins `now`, and the guard of its work.
    pub(crate) fn for_execution(
        &self,
        lifecycle: &Arc<Lifecycle>,
        now: Instant,
        timeout: Option<Duration>,
        is_transactional: bool,
    ) -> (Self, WorkGuard) {
        let parent = self.current_work();
        let guard = Work::begin(lifecycle, None, parent, None, is_transactional);
        let mut ctx = self.child();
        // The context of a handler: the key was for the command that it executes.
        if self.work.is_some() {
            ctx.idempotency_key = None;
        }
        ctx.work = Some(guard.work());
        (ctx.ends_after(now, timeout), guard)
    }

    /// Makes this the context of one attempt to handle `event`, which ends at `deadline`. Returns the guard of
    /// the attempt's work.
    pub(crate) fn begin_attempt(
        &mut self,
        lifecycle: &Arc<Lifecycle>,
        event: &'static str,
        attempt: u32,
        deadline: Option<Instant>,
    ) -> WorkGuard {
        let guard = Work::begin(lifecycle, Some((event, attempt)), None, None, true);
        self.work = Some(guard.work());
        self.deadline = earlier(self.deadline, deadline);
        guard
    }

    /// This context for the message and the work of `call`, with the earlier deadline of both.
    pub(crate) fn continuing(self, call: &Self) -> Self {
        Self {
            message_id: call.message_id,
            causation_id: call.causation_id,
            causes: call.causes.clone(),
            work: call.work.clone(),
            deadline: earlier(self.deadline, call.deadline),
            idempotency_key: self.idempotency_key.or_else(|| call.idempotency_key.clone()),
            ..self
        }
    }

    /// This context; if it is fresh, as part of the work that this task is doing.
    pub(super) fn inside_current(&self) -> Self {
        Self { work: self.current_work(), ..self.clone() }
    }

    fn current_work(&self) -> Option<Arc<Work>> {
        self.work.clone().or_else(|| current::with(|ctx| ctx.work.clone()).flatten())
    }

    pub(super) fn ends_after(mut self, now: Instant, timeout: Option<Duration>) -> Self {
        let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        self.deadline = earlier(self.deadline, deadline);
        self
    }

    /// The event that is being handled, and the number of the attempt, in this work or in the work that it
    /// is part of.
    pub(super) fn delivery(&self) -> Option<(&'static str, u32)> {
        self.work.as_ref()?.delivery()
    }

    /// The handler that this context was made for, if the application is observed.
    pub(crate) fn handler(&self) -> Option<Arc<str>> {
        self.current_work()?.handler().cloned()
    }

    /// Whether this belongs to unfinished work that the application of `lifecycle` has admitted.
    pub(crate) fn is_inside(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        self.any_work(&mut |work| work.is_of(lifecycle))
    }

    /// Whether this belongs to the work of an event handler in the application of `lifecycle`.
    pub(crate) fn is_inside_delivery(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        self.any_work(&mut |work| work.is_delivery() && work.is_of(lifecycle))
    }

    /// The same of any application, because two that publish to each other could wait for each other.
    pub(crate) fn is_inside_any_delivery(&self) -> bool {
        self.any_work(&mut |work| work.is_delivery())
    }

    /// Whether [`defer`](Self::defer) may take an effect: this belongs to work of `lifecycle` that keeps effects.
    pub(crate) fn may_defer(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        self.any_work(&mut |work| work.is_of(lifecycle) && work.keeps_effects)
    }

    /// Defers `effect` until the event handler that this belongs to succeeds; otherwise it is dropped. Returns
    /// the effect if this does not belong to an event handler of `lifecycle`, or belongs to a spawned task.
    pub(crate) fn defer(
        &self,
        lifecycle: &Arc<Lifecycle>,
        effect: Box<dyn Effect>,
    ) -> Result<(), Box<dyn Effect>> {
        let mut effect = Some(effect);
        self.any_work(&mut |work| {
            if work.is_of(lifecycle)
                && let Some(this) = effect.take()
            {
                effect = work.defer(this).err();
            }
            effect.is_none() || work.is_task
        });
        effect.map_or(Ok(()), Err)
    }

    /// What was deferred in the work of this context. From then on nothing is.
    pub(crate) fn take_effects(&self) -> Vec<Box<dyn Effect>> {
        self.work.as_ref().map(|work| work.take_effects()).unwrap_or_default()
    }

    /// Begins the work of this context, an execution, again: drops what it has deferred.
    pub(crate) fn begin_again(&self) {
        if let Some(work) = &self.work {
            work.begin_again();
        }
    }

    /// Looks at the work of this context, or else of the current task, and at what it is part of.
    fn any_work(&self, is_it: &mut impl FnMut(&Work) -> bool) -> bool {
        let mut any = |ctx: &Context| ctx.work.as_ref().is_some_and(|work| work.any(is_it));
        any(self) || current::with(any).unwrap_or(false)
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// How many names a chain remembers.
const REMEMBERED: usize = 8;

/// The events that led to an event, each published by a handler of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CauseChain {
    /// How many there are.
    length: u32,
    /// The names of the last ones.
    last: Vec<Cow<'static, str>>,
}

impl CauseChain {
    /// `before` and then `event`.
    fn after(before: Option<&Self>, event: &'static str) -> Arc<Self> {
        let (length, names) = before.map_or((0, &[][..]), |before| (before.length, &before.last));
        let forgotten = (names.len() + 1).saturating_sub(REMEMBERED);
        let last = names[forgotten..].iter().cloned().chain([Cow::Borrowed(event)]).collect();
        Arc::new(Self { length: length.saturating_add(1), last })
    }
}

impl fmt::Display for CauseChain {
    /// The last names, the latest at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length as usize > self.last.len() {
            f.write_str("… -> ")?;
        }
        f.write_str(&self.last.join(" -> "))
    }
}
