//! A line in the log for every call.

use std::time::Instant;

use super::{Call, CallError, Middleware, Next, Outcome};

/// Logs every call with its outcome and duration, through `tracing`: successes at debug level, refusals at
/// info, failures at warn. It masks the redacted values of an event that an error quotes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl Middleware for Log {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let began = Instant::now();
        let outcome = next.run(call).await;
        let duration = began.elapsed();
        let (kind, name, handler) = (call.kind(), call.name(), call.handler());
        let ctx = call.context();
        let (tenant, correlation_id) = (ctx.tenant(), ctx.correlation_id());
        let text = |error: &dyn std::fmt::Display| {
            let events = call.events().iter();
            events.fold(error.to_string(), |text, event| event.redacted_text(&text))
        };
        match &outcome {
            Ok(()) => tracing::debug!(
                %kind, name, handler, %tenant, %correlation_id, ?duration, "handled"
            ),
            Err(CallError::Rejected(rejection)) => tracing::info!(
                %kind, name, handler, %tenant, %correlation_id, ?duration,
                rejection = text(rejection), "rejected"
            ),
            Err(error) => tracing::warn!(
                %kind, name, handler, %tenant, %correlation_id, ?duration,
                error = text(error), "failed"
            ),
        }
        outcome
    }
}
