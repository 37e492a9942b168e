//! Handlers of queries whose answer is a stream.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::context::Context;
use crate::message::StreamQuery;

/// Answers queries of type `Q` with a stream. Write it as an `async fn`; register it with `#[query_handler(Q, stream)]`.
///
/// It runs while its caller reads the stream, at most a few rows ahead. When the caller drops the stream, it is cancelled
/// at its next `.await`. Its time-out covers the whole stream, and the time that the caller takes for the rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the query `{Q}`",
    label = "there is no `impl StreamQueryHandler<{Q}> for {Self}`",
    note = "write `impl StreamQueryHandler<{Q}> for {Self}` with `async fn stream(&self, query: {Q}, rows: &mut Rows<Row>, ctx: &Context) -> Result<(), Error>`"
)]
pub trait StreamQueryHandler<Q: StreamQuery>: Send + Sync + 'static {
    /// Sends the rows of the answer. The stream ends when this returns; an error comes after the rows.
    fn stream(
        &self,
        query: Q,
        rows: &mut Rows<Q::Row>,
        ctx: &Context,
    ) -> impl Future<Output = Result<(), Q::Error>> + Send;
}

/// Where a handler sends the rows of its answer.
pub struct Rows<R>(mpsc::Sender<R>);

impl<R> Rows<R> {
    /// How many rows wait for the caller, before [`send`](Self::send) waits.
    pub const AHEAD: usize = 16;

    /// Sends a row. It waits while [`AHEAD`](Self::AHEAD) rows wait for the caller.
    pub async fn send(&mut self, row: R) {
        // Without its caller, the handler is cancelled, so nothing more is to be done.
        let _ = self.0.send(row).await;
    }
}

impl<R> fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

tokio::task_local! {
    /// The sender of the rows of the query that is executed. A query runs in its caller's task.
    static SENDER: Arc<dyn Any + Send + Sync>;
}

/// Executes a query whose handler sends its rows to `sender`.
pub(crate) fn sending_to<R: Send + 'static, F: Future>(
    sender: mpsc::Sender<R>,
    execute: F,
) -> impl Future<Output = F::Output> {
    SENDER.scope(Arc::new(sender), execute)
}

/// Where the handler of the query that is executed sends its rows.
pub(crate) fn rows<R: Send + 'static>() -> Option<Rows<R>> {
    let sender = SENDER.try_with(|sender| sender.downcast_ref().cloned()).ok()?;
    sender.map(Rows)
}
