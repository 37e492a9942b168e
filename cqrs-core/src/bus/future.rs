//! The future of a call of a bus.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use super::ExecuteError;
use super::outliving::Outliving;
use crate::context::Context;
use crate::handler::BoxFuture;

/// What [`EventBus::publish`](super::EventBus::publish), [`CommandBus::execute`](super::CommandBus::execute) and similar
/// methods return: the future of passing the message `M` to `B`, with the result `T`. Await it: nothing happens before it
/// is polled.
// It has no bound on `M`, so the compiler reports a message of the wrong type once, at the argument. If the methods were
// `async fn`, it would report it at the call and at the `.await` too.
#[must_use = "nothing happens until it is awaited"]
pub struct BusFuture<'a, B, M, T: Send + 'static> {
    /// `None` once it was polled.
    call: Option<(&'a B, &'a Context, M)>,
    begin: Begin<'a, B, M, T>,
    /// What is left to do after the first poll.
    rest: Option<Begun<'a, T>>,
}

/// What [`CommandBus::execute`](super::CommandBus::execute) and similar methods return, for a message with the output `T` and
/// the error `E`.
pub type ExecuteFuture<'a, B, M, T, E> = BusFuture<'a, B, M, Result<T, ExecuteError<E>>>;

/// Passes the message to the bus, up to the first wait.
type Begin<'a, B, M, T> = fn(&'a B, &'a Context, M, &mut TaskContext<'_>) -> Begun<'a, T>;

/// A call of a bus that was polled.
pub(crate) enum Begun<'a, T: Send + 'static> {
    Ended(T),
    /// The rest is cancelled if the caller drops it.
    Waits(BoxFuture<'a, T>),
    Outlives(Outliving<T>),
}

impl<'a, B, M, T: Send + 'static> BusFuture<'a, B, M, T> {
    pub(crate) fn new(bus: &'a B, ctx: &'a Context, message: M, begin: Begin<'a, B, M, T>) -> Self {
        Self { call: Some((bus, ctx, message)), begin, rest: None }
    }
}

// Nothing in it is pinned in place: the rest is in a box of its own.
impl<B, M, T: Send + 'static> Unpin for BusFuture<'_, B, M, T> {}

impl<B, M, T: Send + 'static> Future for BusFuture<'_, B, M, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        if let Some((bus, ctx, message)) = self.call.take() {
            match (self.begin)(bus, ctx, message, cx) {
                Begun::Ended(output) => return Poll::Ready(output),
                rest => self.rest = Some(rest),
            }
        }
        let output = match &mut self.rest {
            Some(Begun::Waits(rest)) => ready!(rest.as_mut().poll(cx)),
            Some(Begun::Outlives(rest)) => ready!(Pin::new(rest).poll(cx)),
            Some(Begun::Ended(_)) | None => return Poll::Pending,
        };
        self.rest = None;
        Poll::Ready(output)
    }
}

impl<B, M, T: Send + 'static> fmt::Debug for BusFuture<'_, B, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusFuture")
            .field("was_polled", &self.call.is_none())
            .finish_non_exhaustive()
    }
}
