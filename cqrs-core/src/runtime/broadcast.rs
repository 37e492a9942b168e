//! Streams for readers inside the process, which report the items that a reader missed.

use std::fmt;
use std::pin::Pin;
use std::sync::{PoisonError, RwLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
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

/// What happens in an application from the moment of subscription on, for all tenants; ends with the
/// application.
///
/// It has no retries, and a reader that is more than 1,024 items behind gets [`Lagged`] with the number it
/// missed: use it to show progress. What must not be missed is for a handler.
pub struct Live<T>(BoxStream<'static, Result<T, Lagged>>);

impl<T: Send + 'static> Live<T> {
    pub(crate) fn ended() -> Self {
        Self(stream::empty().boxed())
    }

    /// The next item; `None` when the application is gone. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<T, Lagged>> {
        self.0.next().await
    }
}

impl<T> Stream for Live<T> {
    type Item = Result<T, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live<{}>", std::any::type_name::<T>())
    }
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

    /// A reader of the items from now on, as far as `read` makes something of them. After the end, the reader
    /// has ended too.
    pub(crate) fn subscribe<U: Send + 'static>(&self, read: fn(T) -> Option<U>) -> Live<U> {
        let sender = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = &*sender else { return Live::ended() };
        let items = BroadcastStream::new(sender.subscribe());
        let read = move |item| match item {
            Ok(item) => read(item).map(Ok),
            Err(BroadcastStreamRecvError::Lagged(missed)) => Some(Err(Lagged { missed })),
        };
        Live(items.filter_map(move |item| std::future::ready(read(item))).boxed())
    }

    pub(crate) fn end(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
