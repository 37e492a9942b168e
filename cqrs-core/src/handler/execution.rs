//! Handlers of commands and of queries.

use std::future::Future;
use std::sync::Arc;

use super::{AttemptError, BoxFuture};
use crate::context::Context;
use crate::message::{Command, Query};

/// Executes commands of type `C`. Write it as an `async fn`; register it with `#[command_handler(C)]`.
///
/// It runs in the caller's task. When the caller stops waiting, the rest of it goes on as a task.
/// The caller gets its error. With `retry(.., when = ..)`, the command is attempted again after errors that `when` accepts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the command `{C}`",
    label = "there is no `impl CommandHandler<{C}> for {Self}`",
    note = "write `impl CommandHandler<{C}> for {Self}` with `async fn execute(&self, command: {C}, ctx: &Context) -> Result<Output, Error>`",
    note = "a `TransactionalCommandHandler` needs `transactional` in the annotation"
)]
pub trait CommandHandler<C: Command>: Send + Sync + 'static {
    /// Executes one command. What is published or executed with `ctx` is caused by this command.
    fn execute(
        &self,
        command: C,
        ctx: &Context,
    ) -> impl Future<Output = Result<C::Output, C::Error>> + Send;
}

/// Answers queries of type `Q`. Write it as an `async fn`; register it with `#[query_handler(Q)]`.
///
/// It runs in the caller's task: when the caller stops waiting, it is cancelled at its next `.await`.
/// It is not retried; the caller sees its error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the query `{Q}`",
    label = "there is no `impl QueryHandler<{Q}> for {Self}`",
    note = "write `impl QueryHandler<{Q}> for {Self}` with `async fn execute(&self, query: {Q}, ctx: &Context) -> Result<Output, Error>`"
)]
pub trait QueryHandler<Q: Query>: Send + Sync + 'static {
    /// Answers one query. What is executed with `ctx` is caused by this query.
    fn execute(
        &self,
        query: Q,
        ctx: &Context,
    ) -> impl Future<Output = Result<Q::Output, Q::Error>> + Send;
}

/// A handler of the command or query `M` without its own type. The future owns all it needs, so that it can
/// go on without its caller.
pub(crate) type ErasedExecution<M, T, E> =
    Arc<dyn Fn(M, Context) -> BoxFuture<'static, Result<T, AttemptError<E>>> + Send + Sync>;
