//! One attempt to handle an event.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::caught::{Caught, Panic};
use super::lane::Lane;
use super::outcome::DeliveryError;
use super::queue::Turn;

/// Runs the handler once. Its error, its panic and its time-out end here.
///
/// Dropping the returned future cancels the handler.
pub(super) async fn attempt(lane: &Lane, turn: &Turn) -> Result<(), DeliveryError> {
    let timeout = lane.options.timeout;
    let ctx = turn.event.context().for_attempt(&lane.engine.lifecycle, turn.attempt, timeout);
    let handling = ctx.scope(Caught::new(|| turn.handler.handle(&turn.event, &ctx)));
    let deadline = ctx.deadline();
    let out_of_time = sleep_until(deadline.unwrap_or_else(Instant::now));
    tokio::select! {
        biased;
        caught = handling => match caught {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(DeliveryError::Failed(Arc::new(error))),
            Err(Panic(message)) => Err(DeliveryError::Panicked(message)),
        },
        () = out_of_time, if deadline.is_some() => {
            Err(DeliveryError::TimedOut(timeout.unwrap_or_default()))
        }
    }
}
