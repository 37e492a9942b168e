//! Failed attempts, as they happen.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::broadcast;

use super::outcome::DeliveryError;
use crate::lagged::{Lagged, Receiver};
use crate::message::AnyEvent;

/// How many failures a stream may be behind.
const KEPT: usize = 1024;

/// One failed attempt of a delivery.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The handler's stable name.
    pub handler: Arc<str>,
    /// The event, with its context.
    pub event: AnyEvent,
    /// Which attempt failed, from 1.
    pub attempt: u32,
    /// Why.
    pub error: DeliveryError,
    /// How long until the next attempt; `None` when the delivery is a dead letter now.
    pub retry_in: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Failures(broadcast::Sender<Failure>);

impl Failures {
    pub(super) fn report(&self, failure: impl FnOnce() -> Failure) {
        if self.0.receiver_count() > 0 {
            // The last receiver may go at this moment.
            let _ = self.0.send(failure());
        }
    }

    pub(crate) fn subscribe(&self) -> FailureStream {
        FailureStream(Receiver::new(self.0.subscribe()))
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
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
