//! Handlers of queries.

use std::future::Future;
use std::sync::Arc;

use super::BoxFuture;
use crate::context::Context;
use crate::message::Query;

/// Answers queries of type `Q`. Write it as an `async fn`; register it with `#[query_handler(Q)]`.
///
/// It runs in the caller's task: if the caller stops waiting, it is cancelled at its next `.await`. It is
/// not retried; the caller gets its error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the query `{Q}`",
    label = "there is no `impl QueryHandler<{Q}> for {Self}`",
    note = "write `impl QueryHandler<{Q}> for {Self}` with `async fn execute(&self, query: {Q}, ctx: &Context) -> Result<Output, Error>`"
)]
pub trait QueryHandler<Q: Query>: Send + Sync + 'static {
    /// Answers one query. Messages that are executed with `ctx` are caused by this query.
    ///
    /// # Errors
    ///
    /// Why the query has no answer; the caller gets this error.
    fn execute(
        &self,
        query: Q,
        ctx: &Context,
    ) -> impl Future<Output = Result<Q::Output, Q::Error>> + Send;
}

/// A [`QueryHandler`] of `Q`, type-erased.
pub(crate) trait ErasedQueryHandler<Q: Query>: Send + Sync {
    /// Runs the handler with `ctx` as the current context. The future owns all it needs, so that it can
    /// continue without its caller.
    fn execute(
        self: Arc<Self>,
        query: Q,
        ctx: Context,
    ) -> BoxFuture<'static, Result<Q::Output, Q::Error>>;
}

impl<Q: Query, H: QueryHandler<Q>> ErasedQueryHandler<Q> for H {
    fn execute(
        self: Arc<Self>,
        query: Q,
        ctx: Context,
    ) -> BoxFuture<'static, Result<Q::Output, Q::Error>> {
        Box::pin(
            ctx.clone().into_scope(async move { QueryHandler::execute(&*self, query, &ctx).await }),
        )
    }
}
