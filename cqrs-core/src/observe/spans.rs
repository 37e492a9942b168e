//! The spans of the operations.
//!
//! Fields follow OpenTelemetry's semantic conventions for messaging (1.45) wherever those have a name.
//! Dashboards and alerts are built on the names; `docs/observability.md` lists them.

use tracing::field::{self, Empty};
use tracing::{Span, debug_span, info_span};

use crate::context::{Context, TenantId};
use crate::message::{AnyEvent, MessageKind};

/// A span with the fields that all have, and those of one operation.
macro_rules! span {
    (
        $(parent: $parent:expr,)?
        $operation:literal, $type:literal, $otel_kind:literal, $destination:expr, $context:expr,
        $($fields:tt)*
    ) => {{
        let destination: &str = $destination;
        info_span!(
            target: "cqrs",
            $(parent: $parent,)?
            $operation,
            "messaging.system" = "cqrs",
            "messaging.operation.type" = $type,
            "messaging.operation.name" = $operation,
            "messaging.destination.name" = destination,
            // The correlation id.
            "messaging.message.conversation_id" = %$context.correlation_id(),
            "cqrs.tenant" = $context.tenant_id().map_or("system", TenantId::as_str),
            $($fields)*
            "error.type" = Empty,
            // What `tracing-opentelemetry` makes the span's name, kind and status of.
            "otel.name" = cfg!(feature = "otel").then(|| format!("{} {destination}", $operation)),
            "otel.kind" = cfg!(feature = "otel").then_some($otel_kind),
            "otel.status_code" = Empty,
        )
    }};
}

/// `context` is the event's own.
pub(super) fn publish(event: &'static str, context: &Context) -> Span {
    span!(
        "publish", "send", "producer", event, context,
        "messaging.message.id" = %context.message_id(),
        "cqrs.causation_id" = context.causation_id().map(field::display),
    )
}

/// `context` is the message's own.
pub(super) fn execute(
    kind: MessageKind,
    message: &'static str,
    handler: Option<&str>,
    context: &Context,
) -> Span {
    span!(
        "execute", "process", "internal", message, context,
        "messaging.message.id" = %context.message_id(),
        "cqrs.causation_id" = context.causation_id().map(field::display),
        "cqrs.kind" = %kind,
        "cqrs.handler" = handler,
    )
}

/// The span of one attempt. It has no parent in this process: the publisher's span is over.
pub(super) fn deliver(event: &AnyEvent, handler: &str, context: &Context) -> Span {
    span!(
        parent: None,
        "deliver", "process", "consumer", event.name(), context,
        // A handler is to an event what a subscription is to a topic.
        "messaging.destination.subscription.name" = handler,
        "messaging.message.id" = %context.message_id(),
        "cqrs.causation_id" = context.causation_id().map(field::display),
        "cqrs.handler" = handler,
        "cqrs.attempt" = context.attempt(),
    )
}

/// The span of one run of a handler of batches.
pub(super) fn deliver_batch(
    event: &'static str,
    count: usize,
    handler: &str,
    context: &Context,
) -> Span {
    span!(
        parent: None,
        "deliver batch", "process", "consumer", event, context,
        "messaging.destination.subscription.name" = handler,
        "messaging.batch.message_count" = count,
        "cqrs.handler" = handler,
    )
}

/// The span of one append to the log. It has no parent, since the events of many publishers are appended at once.
pub(super) fn append(events: usize) -> Span {
    debug_span!(
        target: "cqrs",
        parent: None,
        "append",
        "messaging.system" = "cqrs",
        "messaging.operation.name" = "append",
        "messaging.batch.message_count" = events,
        "error.type" = Empty,
        "otel.status_code" = Empty,
    )
}

pub(super) fn end(span: &Span, error_type: Option<&'static str>) {
    if let Some(error_type) = error_type {
        span.record("error.type", error_type);
        span.record("otel.status_code", "ERROR");
    }
}
