//! Failed attempts, as they happen.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::handler::DeliveryError;
use crate::message::AnyEvent;
use crate::runtime::{Broadcast, Lagged, Receiver};

/// One failed attempt of a delivery.
#[derive(Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The handler's stable name.
    pub handler: Arc<str>,
    /// The event, with its context.
    pub event: AnyEvent,
    /// Which attempt failed, from 1.
    pub attempt: u32,
    /// How many attempts are made at most.
    pub max_attempts: u32,
    /// Why.
    pub error: DeliveryError,
    /// How long until the next attempt; `None` when the delivery is a dead letter now.
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

#[derive(Debug, Default)]
pub(crate) struct Failures(Broadcast<Failure>);

impl Failures {
    pub(super) fn report(&self, failure: impl FnOnce() -> Failure) {
        self.0.send(failure);
    }

    pub(crate) fn subscribe(&self) -> FailureStream {
        FailureStream(self.0.subscribe())
    }

    pub(crate) fn end(&self) {
        self.0.end();
    }
}

/// Failed attempts from the moment of subscription on, of all tenants; ends with the application.
///
/// A reader that is more than 1,024 failures behind gets [`Lagged`] with the number it missed.
#[derive(Debug)]
pub struct FailureStream(Receiver<Failure>);

impl FailureStream {
    /// The next failure; `None` when the application is gone. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<Failure, Lagged>> {
        self.0.recv().await
    }
}

impl Stream for FailureStream {
    type Item = Result<Failure, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx)
    }
}
