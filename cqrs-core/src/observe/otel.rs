//! Distributed traces: what a span continues, and what continues it.
//!
//! A context carries the W3C `traceparent` of the span that it came from. It is all that a publisher and
//! its handlers share, because a queue, and perhaps a store and another process, are between them.

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::names;
use crate::context::{Context, TraceParent};

/// Names a publisher's span, and puts its trace into `context`.
pub(super) fn produce(
    span: &Span,
    operation: &'static str,
    destination: &'static str,
    context: &mut Context,
) {
    describe(span, "producer", operation, destination);
    continue_from_here(span, context);
    hand_on(span, context);
}

/// As [`produce`], for what is executed in the caller's task.
pub(super) fn execute(
    span: &Span,
    operation: &'static str,
    destination: &'static str,
    context: &mut Context,
) {
    describe(span, "internal", operation, destination);
    continue_from_here(span, context);
    hand_on(span, context);
}

/// Names the span of an attempt for an event that was published with `context`. The publisher's span is its
/// parent, so that a cascade is one trace. It is also linked to the publisher's span, as the conventions
/// require.
pub(super) fn consume(
    span: &Span,
    operation: &'static str,
    destination: &'static str,
    context: &mut Context,
) {
    describe(span, "consumer", operation, destination);
    if let Some(publisher) = context.traceparent() {
        set_parent(span, publisher);
        span.add_link(to_span_context(publisher));
    }
    hand_on(span, context);
}

/// Links `span` to the span that `context` came from.
pub(super) fn link(span: &Span, context: &Context) {
    if let Some(item) = context.traceparent() {
        span.add_link(to_span_context(item));
    }
}

fn describe(span: &Span, kind: &'static str, operation: &'static str, destination: &'static str) {
    if !span.is_disabled() {
        span.record(names::OTEL_NAME, format_args!("{operation} {destination}"));
        span.record(names::OTEL_KIND, kind);
    }
}

/// The task's current span is the parent by default. If the task has no span, or the span belongs to
/// another trace than the context, the span of the context is the parent. That span came with the request,
/// or from a handler whose work continues in another task.
fn continue_from_here(span: &Span, context: &Context) {
    let Some(parent) = context.traceparent() else { return };
    if span.is_disabled() {
        return;
    }
    let current = Span::current().context();
    let current = current.span().span_context().clone();
    if current.trace_id() == TraceId::from(parent.trace_id()) {
        return;
    }
    set_parent(span, parent);
    span.add_link(current);
}

fn set_parent(span: &Span, parent: TraceParent) {
    let remote = opentelemetry::Context::new().with_remote_span_context(to_span_context(parent));
    // Fails if no OpenTelemetry layer records this span. The span is then in no trace.
    let _ = span.set_parent(remote);
}

/// Effects continue the trace from `span`, or, if `span` is filtered out, from the span around it.
fn hand_on(span: &Span, context: &mut Context) {
    let opened = if span.is_disabled() { Span::current().context() } else { span.context() };
    let handed_on = opened.span().span_context().clone();
    let trace_id = u128::from_be_bytes(handed_on.trace_id().to_bytes());
    let span_id = u64::from_be_bytes(handed_on.span_id().to_bytes());
    if let Some(parent) = TraceParent::new(trace_id, span_id, handed_on.trace_flags().to_u8()) {
        context.continue_trace(parent);
    }
}

fn to_span_context(parent: TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from(parent.trace_id()),
        SpanId::from(parent.span_id()),
        TraceFlags::new(parent.flags()),
        true,
        TraceState::NONE,
    )
}
