//! Transactions in which users write.

use std::any::Any;
use std::error::Error;

use super::{DoneRow, Executed, ExecutionKey, LogEvent, ScheduledEvent, StoreError};
use crate::context::TenantId;
use crate::handler::BoxFuture;
use crate::services::TypeRef;

/// The transactions of a store in which users write beside the log.
pub trait Units: Send + Sync {
    /// The type of [`Unit::transaction`], such as `SqliteTransaction`.
    fn transaction(&self) -> TypeRef;

    /// Begins a transaction in which the work of this tenant is done, or work of several tenants or of the system. A
    /// store that can tell its database about the tenant does so.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn begin<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
    ) -> BoxFuture<'a, Result<Box<dyn Unit>, StoreError>>;

    /// Whether `error` says that this database rolled a transaction back because of a conflict with another one, such as a
    /// serialization failure or a deadlock. The caller also asks about each of its causes. An error after which the commit
    /// may have happened is not a conflict.
    fn is_conflict(&self, _error: &(dyn Error + 'static)) -> bool {
        false
    }
}

/// One transaction. Dropped without a commit, it is rolled back.
pub trait Unit: Send {
    /// The transaction itself, of the type that [`Units::transaction`] says.
    fn transaction(&mut self) -> &mut (dyn Any + Send);

    /// Publishes `events` if the transaction commits.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn publish<'a>(&'a mut self, events: &'a [LogEvent]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Publishes `events` when they are due, if the transaction commits.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn schedule<'a>(
        &'a mut self,
        events: &'a [ScheduledEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Writes `rows`. Returns `false` if one of them is there already, if its lease is another node's now, or if the
    /// log does not have its event: then the transaction must not commit.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn done<'a>(&'a mut self, rows: &'a [DoneRow]) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Writes `key`, unless it is there. Returns what is there: `None` if the key is new, or an execution of another
    /// transaction, which has committed. Waits for another transaction that has written the same key and is open.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn claim_key<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
    ) -> BoxFuture<'a, Result<Option<Executed>, StoreError>>;

    /// Adds `output`, as JSON, to the key that this transaction has claimed.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn store_output<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
        output: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Commits.
    ///
    /// # Errors
    ///
    /// [`StoreError`]. If the connection was lost during the commit, the error does not say whether it happened:
    /// a second attempt finds the [`DoneRow`]s then.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>>;
}
