//! Distributed traces: what a span continues, and what continues it.
//!
//! A context carries the W3C `traceparent` of the span that it came from: between a publisher and its
//! handlers there is a queue, so that is all they share.

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::context::{Context, TraceParent};

/// A span of the caller's task, whose trace goes on through `context`.
///
/// The task's current span is the parent, as `tracing` has it by itself. If that is of another trace than
/// the context, or there is none, the context's is the parent.
pub(super) fn produce(span: &Span, context: &mut Context) {
    let current = Span::current().context().span().span_context().clone();
    if let Some(parent) = context.traceparent()
        && current.trace_id() != TraceId::from(parent.trace_id())
    {
        set_parent(span, parent);
        span.add_link(current);
    }
    hand_on(span, context);
}

/// A span that handles what was published with `context`: the publisher's span is its parent, so
/// that a cascade is one trace, and it is linked to it, as the conventions ask for.
pub(super) fn consume(span: &Span, context: &mut Context) {
    if let Some(publisher) = context.traceparent() {
        set_parent(span, publisher);
    }
    link(span, context);
    hand_on(span, context);
}

/// Says that `span` has to do with the one that `context` came from.
pub(super) fn link(span: &Span, context: &Context) {
    if let Some(other) = context.traceparent() {
        span.add_link(to_span_context(other));
    }
}

fn set_parent(span: &Span, parent: TraceParent) {
    let remote = opentelemetry::Context::new().with_remote_span_context(to_span_context(parent));
    // Fails where no OpenTelemetry layer wants this span, which is then in no trace.
    let _ = span.set_parent(remote);
}

/// What comes after `span` continues from it; or, where the span is filtered out, from the one around it.
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
