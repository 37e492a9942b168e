//! One attempt to handle an event.

use std::pin::pin;
use std::sync::Arc;

use super::caught::{Caught, Panic};
use super::lane::Lane;
use super::outcome::DeliveryError;
use super::queue::Turn;
use crate::limited::{Limit, limited};

/// Runs the handler once. Its error, its panic and its time-out end here. `None` when the application
/// stopped meanwhile.
///
/// Dropping the returned future cancels the handler.
pub(super) async fn attempt(lane: &Lane, turn: &Turn) -> Option<Result<(), DeliveryError>> {
    let lifecycle = &lane.engine.lifecycle;
    let timeout = lane.options.timeout;
    let ctx = turn.event.context().for_attempt(lifecycle, turn.attempt, timeout);
    let handling = pin!(ctx.scope(Caught::new(|| turn.handler.handle(&turn.event, &ctx))));
    Some(match limited(handling, ctx.deadline(), lifecycle).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(DeliveryError::Failed(Arc::new(error))),
        Ok(Err(Panic(message))) => Err(DeliveryError::Panicked(message)),
        Err(Limit::Deadline) => Err(DeliveryError::TimedOut(timeout.unwrap_or_default())),
        Err(Limit::Stopped) => return None,
    })
}
