//! From the context of a cause to that of its effect.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

#[cfg(feature = "otel")]
use super::TraceParent;
use super::work::{Work, WorkGuard, WorkKind};
use super::{Context, current};
use crate::context::message_id;
use crate::runtime::Lifecycle;

/// Derived by the buses and the delivery.
impl Context {
    /// The context of a message caused by the one this context belongs to.
    pub(super) fn child(&self) -> Self {
        Self {
            message_id: message_id::new(),
            causation_id: Some(self.message_id),
            idempotency_key: None,
            ..self.clone()
        }
    }

    /// The context of an event: free of the request's deadline, and nobody's work yet.
    pub(crate) fn for_event(&self) -> Self {
        Self { deadline: None, work: None, ..self.child() }
    }

    /// Makes this message's span the one that others continue from.
    #[cfg(feature = "otel")]
    pub(crate) fn continue_trace(&mut self, from: TraceParent) {
        self.traceparent = Some(from);
    }

    /// The context of a command or query that begins `now`, and what keeps its work going.
    pub(crate) fn for_execution(
        &self,
        lifecycle: &Arc<Lifecycle>,
        now: Instant,
        timeout: Option<Duration>,
    ) -> (Self, WorkGuard) {
        let parent = self.current_work();
        let guard = Work::begin(lifecycle, WorkKind::Execution, parent);
        let ctx = Self { work: Some(guard.work()), ..self.child() };
        (ctx.ends_after(now, timeout), guard)
    }

    /// The context of one attempt to handle the event that this context belongs to, and what keeps its
    /// work going.
    pub(crate) fn for_attempt(
        &self,
        lifecycle: &Arc<Lifecycle>,
        attempt: u32,
        timeout: Option<Duration>,
    ) -> (Self, WorkGuard) {
        let guard = Work::begin(lifecycle, WorkKind::Delivery { attempt }, None);
        let ctx = Self { work: Some(guard.work()), ..self.clone() };
        let ctx = if timeout.is_some() { ctx.ends_after(Instant::now(), timeout) } else { ctx };
        (ctx, guard)
    }

    /// Runs `future` with exactly this context as the current one.
    pub(crate) fn scope_exactly<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        current::scope(self.clone(), future)
    }

    /// This context; where it is fresh, as part of the work that this task is doing.
    pub(super) fn inside_current(&self) -> Self {
        Self { work: self.current_work(), ..self.clone() }
    }

    fn current_work(&self) -> Option<Arc<Work>> {
        self.work.clone().or_else(|| current::with(|ctx| ctx.work.clone()).flatten())
    }

    pub(super) fn ends_after(self, now: Instant, timeout: Option<Duration>) -> Self {
        match timeout.and_then(|timeout| now.checked_add(timeout)) {
            Some(deadline) => self.with_deadline(deadline),
            None => self,
        }
    }

    /// Whether this is part of work that `lifecycle`'s application has admitted, and that goes on.
    pub(crate) fn is_inside(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        self.any_work(|work| work.is_of(lifecycle))
    }

    /// Whether this is part of what an event handler of `lifecycle`'s application is doing.
    pub(crate) fn is_inside_delivery(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        self.any_work(|work| work.is_delivery() && work.is_of(lifecycle))
    }

    /// Whether this is part of what an event handler of any application is doing. Two applications that
    /// publish to each other could otherwise wait for each other.
    pub(crate) fn is_inside_any_delivery(&self) -> bool {
        self.any_work(Work::is_delivery)
    }

    /// Looks at the work that this belongs to, by the context itself or, where a handler made a fresh
    /// one, by the task that is running; and at the work that this is part of.
    fn any_work(&self, is_it: impl Fn(&Work) -> bool) -> bool {
        let any = |ctx: &Context| ctx.work.as_ref().is_some_and(|work| work.any(&is_it));
        any(self) || current::with(any).unwrap_or(false)
    }
}
