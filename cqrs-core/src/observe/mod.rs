//! Spans, metrics and traces of every publish, execution and attempt.
//!
//! The buses and lanes report what begins and how it ends; this module turns that into spans, metrics and
//! traces. Spans for `tracing` are always made. Metrics and OpenTelemetry are features.
//!
//! A span has the type of an error, never its text, because a handler may have put a redacted value into
//! the text.

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
use crate::message::{AnyEvent, MessageKind};

#[cfg(feature = "metrics")]
pub(crate) use self::metrics::{Sample, describe, sample};
pub(crate) use self::observer::{Attempted, Executed, Observer};

/// One operation from its beginning to its end: its span, its metrics, its trace.
pub(crate) struct Observed {
    span: Span,
    operation: Operation,
    /// `None` once the operation has ended.
    running: Option<metrics::Stopwatch>,
}

enum Operation {
    Publish { event: &'static str },
    Execute { kind: MessageKind, message: &'static str },
    Deliver,
}

impl Observed {
    /// An event that is published. `context` is the event's context; from now on it continues the trace
    /// from this span.
    pub(crate) fn publish(event: &'static str, context: &mut Context) -> Self {
        let span = spans::publish(event, context);
        otel::produce(&span, "publish", event, context);
        Self::begin(span, Operation::Publish { event }, metrics::Stopwatch::none())
    }

    /// A command or query that is executed. `context` is the message's context; from now on it continues
    /// the trace from this span.
    pub(crate) fn execute(
        kind: MessageKind,
        message: &'static str,
        handler: &Arc<str>,
        context: &mut Context,
    ) -> Self {
        let span = spans::execute(kind, message, Some(handler), context);
        otel::execute(&span, "execute", message, context);
        let operation = Operation::Execute { kind, message };
        Self::begin(span, operation, metrics::Stopwatch::start(handler))
    }

    /// An attempt to deliver an event. `context` is the attempt's context. It has the trace of the publish,
    /// to which this attempt is linked and which it continues.
    pub(crate) fn deliver(event: &AnyEvent, handler: &Arc<str>, context: &mut Context) -> Self {
        let span = spans::deliver(event, handler, context);
        otel::consume(&span, "deliver", event.name(), context);
        Self::begin(span, Operation::Deliver, metrics::Stopwatch::start(handler))
    }

    /// An attempt to deliver a batch of events, linked to the publish of each. `context` is the batch's
    /// context; from now on it continues the trace from this span.
    pub(crate) fn deliver_batch(items: &[Item], handler: &Arc<str>, context: &mut Context) -> Self {
        let mut names = items.iter().map(|item| item.event.name());
        let first = names.next().unwrap_or_default();
        let event = if names.all(|name| name == first) { first } else { "*" };
        let span = spans::deliver_batch(event, items.len(), handler, context);
        for item in items.iter().filter(|_| items.len() > 1) {
            otel::link(&span, &item.context);
        }
        otel::consume(&span, "deliver batch", event, context);
        Self::begin(span, Operation::Deliver, metrics::Stopwatch::start(handler))
    }

    fn begin(span: Span, operation: Operation, running: metrics::Stopwatch) -> Self {
        Self { span, operation, running: Some(running) }
    }

    /// The span that the handler runs in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The operation has ended, with success or with an error of this type.
    pub(crate) fn end(mut self, error_type: Option<&'static str>) {
        self.finish(error_type, [error_type].into_iter());
    }

    /// The attempt of a batch has ended, and so has each of its deliveries.
    pub(crate) fn end_batch(
        mut self,
        error_type: Option<&'static str>,
        each: impl Iterator<Item = Option<&'static str>>,
    ) {
        self.finish(error_type, each);
    }

    fn finish(
        &mut self,
        error_type: Option<&'static str>,
        each: impl Iterator<Item = Option<&'static str>>,
    ) {
        let Some(stopwatch) = self.running.take() else { return };
        spans::end(&self.span, error_type);
        match self.operation {
            Operation::Publish { event } => metrics::published(event, error_type),
            Operation::Execute { kind, message } => stopwatch.executed(kind, message, error_type),
            Operation::Deliver => stopwatch.attempted(each),
        }
    }
}

impl Drop for Observed {
    /// The operation's future was dropped, such as when a client hung up.
    fn drop(&mut self) {
        let error_type = if std::thread::panicking() { "panicked" } else { "cancelled" };
        self.finish(Some(error_type), [Some(error_type)].into_iter());
    }
}

/// A command or query of `caller` that is refused before a handler.
#[cold]
pub(crate) fn execution_refused(
    kind: MessageKind,
    message: &'static str,
    caller: &Context,
    error_type: &'static str,
) {
    let mut context = caller.for_refusal();
    let span = spans::execute(kind, message, None, &context);
    otel::execute(&span, "execute", message, &mut context);
    spans::end(&span, Some(error_type));
    metrics::execution_refused(kind, message, error_type);
}

/// An event of `caller` that is refused.
#[cold]
pub(crate) fn publish_refused(event: &'static str, caller: &Context, error_type: &'static str) {
    Observed::publish(event, &mut caller.for_refusal()).end(Some(error_type));
}

/// A failed attempt was settled: it will be tried again, or is a dead letter now.
pub(crate) fn settled_failure(handler: &Arc<str>, retries: bool) {
    metrics::settled_failure(handler, retries);
}
