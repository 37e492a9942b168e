//! Handlers that write in a transaction of the application's store.

use std::any::Any;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

use super::{Batch, BoxFuture, HandlerError, HandlerResult};
use crate::context::{Context, Effect, TenantId};
use crate::message::{Command, Executed, ExecutionKey};

/// As [`EventHandler`](super::EventHandler), in a transaction of the application's store: what it writes, what it
/// publishes, and that it has handled the event, are committed together when it returns `Ok`. After an error, a panic
/// or a time-out nothing of it has happened. So its effects in that database happen exactly once.
///
/// Register it with `#[events_handler(E, transactional)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{E}` in a transaction",
    label = "there is no `impl TransactionalEventHandler<{E}> for {Self}`",
    note = "write `impl TransactionalEventHandler<{E}> for {Self}` with `type Transaction` and `async fn handle(&self, event: &{E}, tx: &mut Self::Transaction, ctx: &Context) -> HandlerResult`",
    note = "an `EventHandler` has no transaction: remove `transactional` for that"
)]
pub trait TransactionalEventHandler<E: ?Sized>: Send + Sync + 'static {
    /// The store's transaction, such as `cqrs_sql::SqliteTransaction`. The wiring proves that the store has it.
    type Transaction: Send + 'static;

    /// Handles one event. `tx` commits when this returns `Ok`; do not commit it.
    ///
    /// # Errors
    ///
    /// Why the attempt failed; see [`EventHandler`](super::EventHandler).
    fn handle(
        &self,
        event: &E,
        tx: &mut Self::Transaction,
        ctx: &Context,
    ) -> impl Future<Output = HandlerResult> + Send;
}

/// As [`BatchEventHandler`](super::BatchEventHandler), in one transaction for the whole batch; see
/// [`TransactionalEventHandler`]. If an item is [marked](super::BatchItem::fail) as failed, nothing is committed, and the
/// other items are attempted again alone.
///
/// Register it with `#[events_handler(E, batch(max = 100), transactional)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle batches of `{E}` in a transaction",
    label = "there is no `impl TransactionalBatchEventHandler<{E}> for {Self}`",
    note = "write `impl TransactionalBatchEventHandler<{E}> for {Self}` with `type Transaction` and `async fn handle_batch(&self, batch: &Batch<{E}>, tx: &mut Self::Transaction, ctx: &Context) -> HandlerResult`",
    note = "a `BatchEventHandler` has no transaction: remove `transactional` for that"
)]
pub trait TransactionalBatchEventHandler<E>: Send + Sync + 'static {
    /// The store's transaction, such as `cqrs_sql::SqliteTransaction`. The wiring proves that the store has it.
    type Transaction: Send + 'static;

    /// Handles all items of `batch`, at least one. `tx` commits when this returns `Ok`; do not commit it.
    ///
    /// # Errors
    ///
    /// Why the batch failed as a whole; see [`BatchEventHandler`](super::BatchEventHandler).
    fn handle_batch(
        &self,
        batch: &Batch<E>,
        tx: &mut Self::Transaction,
        ctx: &Context,
    ) -> impl Future<Output = HandlerResult> + Send;
}

/// As [`CommandHandler`](super::CommandHandler), in a transaction of the application's store: what it writes and what
/// it publishes are committed together when it returns `Ok`. After an error, a panic or a time-out nothing of it has
/// happened.
///
/// Register it with `#[command_handler(C, transactional)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the command `{C}` in a transaction",
    label = "there is no `impl TransactionalCommandHandler<{C}> for {Self}`",
    note = "write `impl TransactionalCommandHandler<{C}> for {Self}` with `type Transaction` and `async fn execute(&self, command: {C}, tx: &mut Self::Transaction, ctx: &Context) -> Result<Output, Error>`",
    note = "a `CommandHandler` has no transaction: remove `transactional` for that"
)]
pub trait TransactionalCommandHandler<C: Command>: Send + Sync + 'static {
    /// The store's transaction, such as `cqrs_sql::SqliteTransaction`. The wiring proves that the store has it.
    type Transaction: Send + 'static;

    /// Executes one command. `tx` commits when this returns `Ok`; do not commit it. If the store cannot begin or
    /// commit, the caller gets [`Rejected`](crate::ExecuteError::Rejected) as unavailable.
    fn execute(
        &self,
        command: C,
        tx: &mut Self::Transaction,
        ctx: &Context,
    ) -> impl Future<Output = Result<C::Output, C::Error>> + Send;
}

/// A transaction without its type, as handlers get it.
pub(crate) type AnyTransaction<'a> = &'a mut (dyn Any + Send);

/// Begins the transactions in which handlers write.
pub(crate) trait Transactions: Send + Sync {
    /// Begins one for the work of this tenant, or of several tenants or the system.
    fn begin<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
    ) -> BoxFuture<'a, Result<Box<dyn OpenTransaction>, HandlerError>>;

    /// Whether this error, or one of its causes, says that the database rolled the transaction back because of a conflict
    /// with another one.
    fn is_conflict(&self, error: &(dyn Error + 'static)) -> bool;
}

/// A transaction in which a handler writes. Dropped without a commit, it is rolled back.
pub(crate) trait OpenTransaction: Send {
    fn transaction(&mut self) -> AnyTransaction<'_>;

    /// Publishes what the handler has deferred, if the transaction commits.
    fn publish(&mut self, effects: Vec<Box<dyn Effect>>)
    -> BoxFuture<'_, Result<(), HandlerError>>;

    /// Marks deliveries as handled, each by where it comes from, what it is known by there, and the id of its event.
    /// Returns `false` if one of them was handled before, or must not be handled here: then the transaction must not
    /// commit.
    fn done(
        &mut self,
        deliveries: Vec<(Arc<dyn Any + Send + Sync>, Option<u64>, Uuid)>,
    ) -> BoxFuture<'_, Result<bool, HandlerError>>;

    /// Claims the key of a command, and returns its execution if there was one. See `Unit::claim_key`.
    fn claim_key<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
    ) -> BoxFuture<'a, Result<Option<Executed>, HandlerError>>;

    /// Stores the output of the command whose key it has claimed.
    fn store_output<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
        output: &'a str,
    ) -> BoxFuture<'a, Result<(), HandlerError>>;

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), HandlerError>>;
}

/// The transaction, with its type.
pub(crate) fn typed<T: 'static>(tx: AnyTransaction<'_>) -> &mut T {
    tx.downcast_mut().expect("the wiring proved the type of the transaction")
}
