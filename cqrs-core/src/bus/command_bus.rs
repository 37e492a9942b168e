//! Executing commands.

use std::sync::{Arc, Weak};

use super::execute::Description;
use super::{Begun, BusFuture, ExecuteError, ExecuteFuture, Executors};
use crate::context::Context;
use crate::message::{Command, MessageKind};
use crate::services::TypeRef;

/// Executes commands, each by its one handler. Injectable; cloning is cheap.
///
/// A bus does not keep its application alive: once the last [`App`](crate::App) is dropped or shut
/// down, executing is refused.
#[derive(Debug, Clone)]
pub struct CommandBus(pub(super) Weak<CommandExecutors>);

/// The handlers of commands.
pub(crate) type CommandExecutors = Executors<CommandBus>;

impl CommandBus {
    pub(crate) fn new(executors: &Arc<CommandExecutors>) -> Self {
        Self(Arc::downgrade(executors))
    }

    /// Executes `command` and returns what its handler returns.
    ///
    /// The handler runs in the calling task, with a context of its own that names `ctx`'s message as its
    /// cause. Its time is limited by its time-out and by `ctx`'s deadline, whichever is earlier.
    ///
    /// A command outlives its caller: if the returned future is dropped before its end, such as when a client
    /// hangs up, the rest of the command runs as a task of the current runtime, and a shutdown waits for it.
    ///
    /// # Errors
    ///
    /// [`ExecuteError::Handler`] with the handler's own error; otherwise what kept the handler from
    /// giving a result.
    pub fn execute<'a, C: Command>(
        &'a self,
        ctx: &'a Context,
        command: C,
    ) -> ExecuteFuture<'a, Self, C, C::Output, C::Error> {
        BusFuture::new(self, ctx, command, |bus, ctx, command, cx| {
            let Some(executors) = bus.0.upgrade() else {
                return Begun::Ended(Err(ExecuteError::ShutDown { message: C::NAME }));
            };
            let description = Description {
                kind: MessageKind::Command,
                name: C::NAME,
                type_ref: TypeRef::of::<C>(),
                requires: C::REQUIRES,
            };
            executors.execute(description, ctx, command, cx)
        })
    }
}
