//! What operators see: spans, metrics and traces, of every publish, execute and delivery attempt.
//!
//! The buses and the delivery say what begins and how it ends; what that looks like outside is decided
//! here. Spans are for `tracing`, always; metrics and OpenTelemetry are features, and nothing without.
//!
//! Nobody's texts get in: a span says which kind of error it was, never what the error says, since a
//! handler may have put a redacted value into it.

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "without_metrics.rs"]
mod metrics;
mod names;
mod observer;
#[cfg(feature = "otel")]
mod otel;
#[cfg(not(feature = "otel"))]
#[path = "without_otel.rs"]
mod otel;
mod spans;

use std::sync::Arc;

use tracing::Span;

use crate::context::Context;
use crate::handler::Item;
use crate::message::AnyEvent;
use crate::message::MessageKind;

#[cfg(feature = "metrics")]
pub(crate) use self::metrics::{Sample, describe, sample};
pub(crate) use self::observer::{Attempted, Executed, Observer};

/// What a span and the metrics say of work whose future was dropped, such as when a client hung up.
const CANCELLED: Option<&'static str> = Some("cancelled");

/// One event on its way into the application.
pub(crate) struct Publishing {
    event: &'static str,
    span: Span,
    has_ended: bool,
}

impl Publishing {
    /// `context` is the event's own; from here on it continues the trace from this publishing.
    pub(crate) fn begin(event: &'static str, context: &mut Context) -> Self {
        let span = spans::publish(event, context);
        otel::produce(&span, "publish", event, context);
        Self { event, span, has_ended: false }
    }

    /// Accepted, or refused for a reason of this type.
    pub(crate) fn end(mut self, error_type: Option<&'static str>) {
        self.finish(error_type);
    }

    fn finish(&mut self, error_type: Option<&'static str>) {
        self.has_ended = true;
        spans::end(&self.span, error_type);
        metrics::published(self.event, error_type);
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        if !self.has_ended {
            self.finish(CANCELLED);
        }
    }
}

/// One command or query at its handler.
pub(crate) struct Executing {
    kind: MessageKind,
    message: &'static str,
    span: Span,
    running: Option<metrics::Stopwatch>,
}

impl Executing {
    /// `context` is the message's own; from here on it continues the trace from this execution.
    pub(crate) fn begin(
        kind: MessageKind,
        message: &'static str,
        handler: &Arc<str>,
        context: &mut Context,
    ) -> Self {
        let span = spans::execute(kind, message, Some(handler), context);
        otel::execute(&span, "execute", message, context);
        Self { kind, message, span, running: Some(metrics::Stopwatch::start(handler)) }
    }

    /// A command or query of `caller` that reaches no handler.
    #[cold]
    pub(crate) fn refused(
        kind: MessageKind,
        message: &'static str,
        caller: &Context,
        error_type: &'static str,
    ) {
        let mut context = caller.for_event();
        let span = spans::execute(kind, message, None, &context);
        otel::execute(&span, "execute", message, &mut context);
        spans::end(&span, Some(error_type));
        metrics::execution_refused(kind, message, error_type);
    }

    /// What the handler is to run in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn end(mut self, error_type: Option<&'static str>) {
        self.finish(error_type);
    }

    fn finish(&mut self, error_type: Option<&'static str>) {
        if let Some(stopwatch) = self.running.take() {
            spans::end(&self.span, error_type);
            stopwatch.executed(self.kind, self.message, error_type);
        }
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        self.finish(CANCELLED);
    }
}

/// One attempt to deliver an event to a handler.
pub(crate) struct Attempting {
    span: Span,
    running: Option<metrics::Stopwatch>,
}

impl Attempting {
    /// `context` is the attempt's own. It has the trace from where the event was published, which this
    /// attempt is linked to and continues.
    pub(crate) fn begin(event: &AnyEvent, handler: &Arc<str>, context: &mut Context) -> Self {
        let span = spans::deliver(event, handler, context);
        otel::consume(&span, "deliver", event.name(), context);
        Self { span, running: Some(metrics::Stopwatch::start(handler)) }
    }

    /// What the handler is to run in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn end(mut self, error_type: Option<&'static str>) {
        self.finish(error_type);
    }

    fn finish(&mut self, error_type: Option<&'static str>) {
        if let Some(stopwatch) = self.running.take() {
            spans::end(&self.span, error_type);
            stopwatch.attempted(error_type);
        }
    }
}

impl Drop for Attempting {
    fn drop(&mut self) {
        self.finish(CANCELLED);
    }
}

/// One run of a handler of batches; each of its deliveries is an [`Attempting`] besides.
pub(crate) struct AttemptingBatch(Span);

impl AttemptingBatch {
    /// `context` is the batch's own; from here on it continues the trace from this span.
    pub(crate) fn begin(items: &[Item], handler: &Arc<str>, context: &mut Context) -> Self {
        let mut names = items.iter().map(|item| item.event.name());
        let first = names.next().unwrap_or_default();
        let event = if names.all(|name| name == first) { first } else { "*" };
        let span = spans::deliver_batch(event, items.len(), handler, context);
        for item in items.iter().filter(|_| items.len() > 1) {
            otel::link(&span, &item.context);
        }
        otel::consume(&span, "deliver batch", event, context);
        Self(span)
    }

    /// What the handler is to run in.
    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    pub(crate) fn end(self, error_type: Option<&'static str>) {
        spans::end(&self.0, error_type);
    }
}

/// A failed attempt was settled: it will be tried again, or is a dead letter now.
pub(crate) fn settled_failure(handler: &Arc<str>, retries: bool) {
    metrics::settled_failure(handler, retries);
}
