//! Publishing in the user's own transaction.

use std::any::Any;
use std::future::Future;

use cqrs_core::log::StoreError;
use cqrs_core::{Context, Event, EventBus, PublishError};
use sqlx::Transaction;
use uuid::Uuid;

use crate::store::{SqlDatabase, SqlStore};

/// Publishes events in a transaction of yours, so that your rows and the event are both committed, or neither.
///
/// ```
/// use cqrs_core::prelude::*;
/// use cqrs_sql::{PublishIn as _, SqlStore};
/// use sqlx::SqlitePool;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct EmployeeCreated { #[event(entity_id)] employee_id: i64 }
///
/// # #[cfg(feature = "sqlite")]
/// async fn hire(pool: &SqlitePool, events: &EventBus, ctx: &Context) -> Result<(), Box<dyn std::error::Error>> {
///     let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
///     sqlx::query("INSERT INTO employees (id) VALUES (7)").execute(&mut *tx).await?;
///     events.publish_in(&mut tx, ctx, EmployeeCreated { employee_id: 7 }).await?;
///     tx.commit().await?;
///     Ok(())
/// }
/// ```
pub trait PublishIn {
    /// Publishes `event` if `tx` commits, and returns its id. The transaction must be one of the database in which
    /// the application's [`SqlStore`] is.
    ///
    /// On Postgres it waits for no other transaction; handlers of this process see the event some milliseconds after
    /// the commit, or within the store's [`poll`](crate::SqlStoreBuilder::poll) if the transaction stays open for long.
    /// On SQLite, begin the transaction with `BEGIN IMMEDIATE`.
    ///
    /// If the store has [`row_level_security`](crate::SqlStoreBuilder::row_level_security), call `cqrs_sql::set_tenant`
    /// before; an event of another tenant is refused then.
    ///
    /// # Errors
    ///
    /// [`PublishInError`]. The transaction should be rolled back then.
    fn publish_in<E: Event, DB: SqlDatabase>(
        &self,
        tx: &mut Transaction<'_, DB>,
        ctx: &Context,
        event: E,
    ) -> impl Future<Output = Result<Uuid, PublishInError>> + Send;
}

/// Why an event is not published with the transaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishInError {
    /// The event was refused, as by [`EventBus::publish`].
    #[error(transparent)]
    Refused(#[from] PublishError),
    /// The application's store is not an [`SqlStore`].
    #[error(
        "the application's events are not in a database: give it an `SqlStore` with `.store(..)`"
    )]
    OtherStore,
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PublishIn for EventBus {
    async fn publish_in<E: Event, DB: SqlDatabase>(
        &self,
        tx: &mut Transaction<'_, DB>,
        ctx: &Context,
        event: E,
    ) -> Result<Uuid, PublishInError> {
        let staged = self.stage(ctx, event)?;
        let store: &dyn Any = &*staged.store;
        let store = store.downcast_ref::<SqlStore>().ok_or(PublishInError::OtherStore)?;
        let id = staged.event.id;
        store.publish_in(tx, &[staged.event]).await?;
        Ok(id)
    }
}
