//! The spans of the three operations.
//!
//! If no subscriber records a span, it costs almost nothing: its fields are not read.

use tracing::field::{self, Empty};
use tracing::{Span, info_span};

use super::names;
use crate::context::{Context, TenantId};
use crate::message::{AnyEvent, MessageKind};

/// `context` is the event's context.
pub(super) fn publish(event: &'static str, context: &Context) -> Span {
    info_span!(
        target: names::TARGET,
        "publish",
        { names::SYSTEM } = "cqrs",
        { names::OPERATION_TYPE } = "send",
        { names::OPERATION_NAME } = "publish",
        { names::DESTINATION } = event,
        { names::MESSAGE_ID } = %context.message_id(),
        { names::CONVERSATION_ID } = %context.correlation_id(),
        { names::CAUSATION_ID } = context.causation_id().map(field::display),
        { names::TENANT } = tenant(context),
        { names::ERROR_TYPE } = Empty,
        { names::OTEL_NAME } = Empty,
        { names::OTEL_KIND } = Empty,
        { names::OTEL_STATUS } = Empty,
    )
}

/// `context` is the message's context.
pub(super) fn execute(
    kind: MessageKind,
    message: &'static str,
    handler: Option<&str>,
    context: &Context,
) -> Span {
    info_span!(
        target: names::TARGET,
        "execute",
        { names::SYSTEM } = "cqrs",
        { names::OPERATION_TYPE } = "process",
        { names::OPERATION_NAME } = "execute",
        { names::DESTINATION } = message,
        { names::MESSAGE_ID } = %context.message_id(),
        { names::CONVERSATION_ID } = %context.correlation_id(),
        { names::CAUSATION_ID } = context.causation_id().map(field::display),
        { names::TENANT } = tenant(context),
        { names::KIND } = %kind,
        { names::HANDLER } = handler,
        { names::ERROR_TYPE } = Empty,
        { names::OTEL_NAME } = Empty,
        { names::OTEL_KIND } = Empty,
        { names::OTEL_STATUS } = Empty,
    )
}

/// The span of one attempt. It has no parent in this process, because the publisher's span has ended.
pub(super) fn deliver(event: &AnyEvent, handler: &str, context: &Context) -> Span {
    info_span!(
        target: names::TARGET,
        parent: None,
        "deliver",
        { names::SYSTEM } = "cqrs",
        { names::OPERATION_TYPE } = "process",
        { names::OPERATION_NAME } = "deliver",
        { names::DESTINATION } = event.name(),
        { names::SUBSCRIPTION } = handler,
        { names::MESSAGE_ID } = %context.message_id(),
        { names::CONVERSATION_ID } = %context.correlation_id(),
        { names::CAUSATION_ID } = context.causation_id().map(field::display),
        { names::TENANT } = tenant(context),
        { names::HANDLER } = handler,
        { names::ATTEMPT } = context.attempt(),
        { names::ERROR_TYPE } = Empty,
        { names::OTEL_NAME } = Empty,
        { names::OTEL_KIND } = Empty,
        { names::OTEL_STATUS } = Empty,
    )
}

/// The span of one run of a handler of batches.
pub(super) fn deliver_batch(
    event: &'static str,
    count: usize,
    handler: &str,
    context: &Context,
) -> Span {
    info_span!(
        target: names::TARGET,
        parent: None,
        "deliver batch",
        { names::SYSTEM } = "cqrs",
        { names::OPERATION_TYPE } = "process",
        { names::OPERATION_NAME } = "deliver batch",
        { names::DESTINATION } = event,
        { names::SUBSCRIPTION } = handler,
        { names::BATCH_COUNT } = count,
        { names::CONVERSATION_ID } = %context.correlation_id(),
        { names::TENANT } = tenant(context),
        { names::HANDLER } = handler,
        { names::ERROR_TYPE } = Empty,
        { names::OTEL_NAME } = Empty,
        { names::OTEL_KIND } = Empty,
        { names::OTEL_STATUS } = Empty,
    )
}

fn tenant(context: &Context) -> &str {
    context.tenant_id().map_or("system", TenantId::as_str)
}

pub(super) fn end(span: &Span, error_type: Option<&'static str>) {
    if let Some(error_type) = error_type {
        span.record(names::ERROR_TYPE, error_type);
        span.record(names::OTEL_STATUS, "ERROR");
    }
}
