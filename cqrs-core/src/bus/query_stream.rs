//! Queries whose answer is a stream.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::execute::Description;
use super::{Begun, BusFuture, ExecuteError, QueryBus};
use crate::context::Context;
use crate::handler::{BoxFuture, Rows, sending_to};
use crate::message::{MessageKind, StreamQuery};
use crate::services::TypeRef;

impl QueryBus {
    /// Asks `query`, whose answer is a stream of rows.
    ///
    /// Nothing happens until the stream is read. Its handler runs while it is read, inside the middleware, within its
    /// time-out and the deadline of `ctx`, and as work in flight for a shutdown. When the stream is dropped, the handler
    /// is cancelled at its next `.await`.
    ///
    /// ```no_run
    /// use cqrs_core::handler::Rows;
    /// use cqrs_core::prelude::*;
    /// use futures_util::TryStreamExt as _;
    ///
    /// #[derive(Query)]
    /// #[query(stream = u32)]
    /// struct CountTo(u32);
    ///
    /// #[query_handler(timeout = "10m")]
    /// async fn count(CountTo(end): CountTo, rows: &mut Rows<u32>) -> Result<(), HandlerError> {
    ///     for number in 1..=end {
    ///         rows.send(number).await; // waits for a slow reader
    ///     }
    ///     Ok(())
    /// }
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let app = App::builder().build()?;
    ///     let ctx = Context::for_tenant("acme")?;
    ///     let numbers: Vec<u32> = app.queries().stream(&ctx, CountTo(100)).try_collect().await?;
    ///     assert_eq!(numbers.len(), 100);
    ///     Ok(())
    /// }
    /// ```
    pub fn stream<Q: StreamQuery>(&self, ctx: &Context, query: Q) -> QueryStream<Q::Row, Q::Error> {
        let (sender, rows) = mpsc::channel(Rows::<Q::Row>::AHEAD);
        let (executors, ctx) = (self.0.upgrade(), ctx.clone());
        let execute = async move {
            let execution = BusFuture::new(&executors, &ctx, query, |executors, ctx, query, cx| {
                let Some(executors) = executors else {
                    return Begun::Ended(Err(ExecuteError::ShutDown { message: Q::NAME }));
                };
                let description = Description {
                    kind: MessageKind::Query,
                    name: Q::NAME,
                    type_ref: TypeRef::of::<Q>(),
                    requires: Q::REQUIRES,
                };
                executors.execute(description, ctx, query, cx)
            });
            execution.await
        };
        let execution = Some(Box::pin(sending_to(sender, execute)) as _);
        QueryStream { execution, rows, first: None, error: None }
    }
}

/// The answer to a [`StreamQuery`]: its rows, and at the end the error, if there is one.
#[must_use = "nothing happens until it is read"]
pub struct QueryStream<R, E> {
    /// `None` once the handler has ended.
    execution: Option<BoxFuture<'static, Result<(), ExecuteError<E>>>>,
    rows: mpsc::Receiver<R>,
    /// A row that [`begun`](Self::begun) has waited for.
    first: Option<R>,
    error: Option<ExecuteError<E>>,
}

impl<R, E> QueryStream<R, E> {
    /// Waits until there is a row, or the handler has ended, and then returns the stream with all its rows. So a caller knows
    /// that the query was not refused before it begins an answer of its own, such as an HTTP response.
    ///
    /// # Errors
    ///
    /// [`ExecuteError`] if the query was refused, or its handler failed before the first row.
    pub async fn begun(mut self) -> Result<Self, ExecuteError<E>> {
        let first = poll_fn(|cx| Pin::new(&mut self).poll_next(cx)).await;
        self.first = first.transpose()?;
        Ok(self)
    }
}

// Nothing in it is pinned in place: the execution is in a box of its own.
impl<R, E> Unpin for QueryStream<R, E> {}

impl<R, E> Stream for QueryStream<R, E> {
    type Item = Result<R, ExecuteError<E>>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<R, ExecuteError<E>>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if let Some(execution) = &mut self.execution
            && let Poll::Ready(result) = execution.as_mut().poll(cx)
        {
            self.execution = None;
            self.error = result.err();
        }
        match self.rows.poll_recv(cx) {
            Poll::Ready(Some(row)) => Poll::Ready(Some(Ok(row))),
            Poll::Pending if self.execution.is_some() => Poll::Pending,
            // The handler has ended. The error comes after the rows.
            _ => Poll::Ready(self.error.take().map(Err)),
        }
    }
}

impl<R, E> fmt::Debug for QueryStream<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryStream")
            .field("has_ended", &self.execution.is_none())
            .finish_non_exhaustive()
    }
}
