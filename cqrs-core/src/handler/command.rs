//! Handlers of commands.

use std::future::Future;
use std::sync::Arc;

use super::BoxFuture;
use crate::context::Context;
use crate::message::Command;

/// Executes commands of type `C`. Write it as an `async fn`; register it with `#[command_handler(C)]`.
///
/// It runs in the caller's task. If the caller stops waiting, the handler continues in a task of its own.
/// It is not retried; the caller gets its error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the command `{C}`",
    label = "there is no `impl CommandHandler<{C}> for {Self}`",
    note = "write `impl CommandHandler<{C}> for {Self}` with `async fn execute(&self, command: {C}, ctx: &Context) -> Result<Output, Error>`"
)]
pub trait CommandHandler<C: Command>: Send + Sync + 'static {
    /// Executes one command. Messages that are published or executed with `ctx` are caused by this command.
    ///
    /// # Errors
    ///
    /// Why the command was not executed; the caller gets this error.
    fn execute(
        &self,
        command: C,
        ctx: &Context,
    ) -> impl Future<Output = Result<C::Output, C::Error>> + Send;
}

/// A [`CommandHandler`] of `C`, type-erased.
pub(crate) trait ErasedCommandHandler<C: Command>: Send + Sync {
    /// Runs the handler with `ctx` as the current context. The future owns all it needs, so that it can
    /// continue without its caller.
    fn execute(
        self: Arc<Self>,
        command: C,
        ctx: Context,
    ) -> BoxFuture<'static, Result<C::Output, C::Error>>;
}

impl<C: Command, H: CommandHandler<C>> ErasedCommandHandler<C> for H {
    fn execute(
        self: Arc<Self>,
        command: C,
        ctx: Context,
    ) -> BoxFuture<'static, Result<C::Output, C::Error>> {
        Box::pin(
            ctx.clone()
                .into_scope(async move { CommandHandler::execute(&*self, command, &ctx).await }),
        )
    }
}
