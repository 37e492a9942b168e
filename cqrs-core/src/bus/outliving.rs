//! Work that goes on without its caller.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::handler::BoxFuture;

/// A future that its caller polls in place. If the caller drops it before its end, the rest of it becomes
/// a task.
pub(crate) struct Outliving<T: Send + 'static> {
    /// `None` once it has ended.
    rest: Option<BoxFuture<'static, T>>,
    runtime: Handle,
}

impl<T: Send + 'static> Outliving<T> {
    pub(super) fn new(work: BoxFuture<'static, T>, runtime: Handle) -> Self {
        Self { rest: Some(work), runtime }
    }
}

impl<T: Send + 'static> Future for Outliving<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(rest) = &mut self.rest else { return Poll::Pending };
        let output = std::task::ready!(rest.as_mut().poll(cx));
        self.rest = None;
        Poll::Ready(output)
    }
}

impl<T: Send + 'static> Drop for Outliving<T> {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.runtime.spawn(rest);
        }
    }
}
