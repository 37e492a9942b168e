//! Streams that say when they lagged.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

/// A reader was too slow and missed items. The stream goes on with the oldest that is still kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader was too slow and missed {missed} items")]
#[non_exhaustive]
pub struct Lagged {
    /// How many items were missed.
    pub missed: u64,
}

/// One reader of a broadcast.
#[derive(Debug)]
pub(crate) struct Receiver<T>(BroadcastStream<T>);

impl<T: Clone + Send + 'static> Receiver<T> {
    pub(crate) fn new(receiver: broadcast::Receiver<T>) -> Self {
        Self(BroadcastStream::new(receiver))
    }

    /// Cancel safe.
    pub(crate) async fn recv(&mut self) -> Option<Result<T, Lagged>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Lagged>>> {
        Pin::new(&mut self.0).poll_next(cx).map(|item| {
            item.map(|item| {
                item.map_err(|BroadcastStreamRecvError::Lagged(missed)| Lagged { missed })
            })
        })
    }
}
