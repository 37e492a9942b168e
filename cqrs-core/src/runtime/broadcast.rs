//! Streams for readers inside the process, which report the items that a reader missed.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{PoisonError, RwLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

/// A reader was too slow and missed items. The stream continues with the oldest item that is still stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader was too slow and missed {missed} items")]
#[non_exhaustive]
pub struct Lagged {
    /// How many items were missed.
    pub missed: u64,
}

/// Sends items to all readers, until it ends.
#[derive(Debug)]
pub(crate) struct Broadcast<T>(RwLock<Option<broadcast::Sender<T>>>);

impl<T: Clone> Default for Broadcast<T> {
    /// A reader may be 1,024 items behind.
    fn default() -> Self {
        Self(RwLock::new(Some(broadcast::Sender::new(1024))))
    }
}

impl<T: Clone + Send + 'static> Broadcast<T> {
    /// Makes the item only if there is a reader.
    pub(crate) fn send(&self, item: impl FnOnce() -> T) {
        let sender = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref().filter(|sender| sender.receiver_count() > 0) {
            // The last reader may be dropped at this moment.
            let _ = sender.send(item());
        }
    }

    /// A reader of the items from now on. After the end, the reader has ended too.
    pub(crate) fn subscribe(&self) -> Receiver<T> {
        let sender = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let receiver = match &*sender {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        };
        Receiver(BroadcastStream::new(receiver))
    }

    pub(crate) fn end(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// One reader of a broadcast.
#[derive(Debug)]
pub(crate) struct Receiver<T>(BroadcastStream<T>);

impl<T: Clone + Send + 'static> Receiver<T> {
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
