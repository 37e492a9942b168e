//! Panics stay where they happen.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;

/// What a panic said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panic(pub(crate) String);

/// A handler's future whose panics are caught: when it is made, polled and dropped.
pub(crate) struct Caught<'a, T>(State<'a, T>);

enum State<'a, T> {
    Running(BoxFuture<'a, T>),
    PanickedAtOnce(Panic),
    Done,
}

impl<'a, T> Caught<'a, T> {
    /// `start` calls the handler. A handler that is no `async fn` may panic right there.
    pub(crate) fn new(start: impl FnOnce() -> BoxFuture<'a, T>) -> Self {
        Self(match catch(start) {
            Ok(future) => State::Running(future),
            Err(panic) => State::PanickedAtOnce(panic),
        })
    }

    fn drop_future(&mut self) -> Result<(), Panic> {
        let state = std::mem::replace(&mut self.0, State::Done);
        catch(move || drop(state))
    }
}

impl<T> Future for Caught<'_, T> {
    type Output = Result<T, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match &mut self.0 {
            State::Running(future) => catch(|| future.as_mut().poll(cx)),
            State::PanickedAtOnce(panic) => Err(panic.clone()),
            State::Done => return Poll::Pending,
        };
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        let dropped = self.drop_future();
        Poll::Ready(result.and_then(|output| dropped.map(|()| output)))
    }
}

impl<T> Drop for Caught<'_, T> {
    /// A future that is cancelled may panic as well. Its outcome is the cancellation.
    fn drop(&mut self) {
        if let Err(Panic(message)) = self.drop_future() {
            tracing::error!(panic = message, "a future panicked while it was dropped");
        }
    }
}

/// Runs `action` and gives its panic's text.
pub(crate) fn catch<T>(action: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(action)).map_err(|payload| Panic(message(payload)))
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast_ref::<&'static str>() {
        Some(text) => (*text).to_owned(),
        None => match payload.downcast_ref::<String>() {
            Some(text) => text.clone(),
            None => "a panic whose payload is no text".to_owned(),
        },
    };
    // A payload of `panic_any` is a value like any other, and its own drop may panic.
    if let Err(another) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(another);
    }
    text
}
