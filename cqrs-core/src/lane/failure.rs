//! A failed attempt.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::handler::DeliveryError;
use crate::message::AnyEvent;

/// One failed attempt of a delivery.
#[derive(Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The handler's stable name.
    pub handler: Arc<str>,
    /// The event, with its context.
    pub event: AnyEvent,
    /// Which attempt failed, from 1. If the delivery has expired, how many attempts were made before.
    pub attempt: u32,
    /// How many attempts are made at most.
    pub max_attempts: u32,
    /// Why.
    pub error: DeliveryError,
    /// How long until the next attempt; `None` if the delivery has failed for good: it is a dead letter, or discarded.
    pub retry_in: Option<Duration>,
}

impl fmt::Debug for Failure {
    /// The error's text, without the redacted values that it quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("handler", &self.handler)
            .field("event", &self.event)
            .field("attempt", &self.attempt)
            .field("max_attempts", &self.max_attempts)
            .field("error", &self.event.redacted_text(&self.error))
            .field("retry_in", &self.retry_in)
            .finish()
    }
}
