//! Publishing in the user's own transaction.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use cqrs_core::log::{ScheduledEvent, Staged, Store, StoreError};
use cqrs_core::{Context, Event, EventBus, PublishError};
use jiff::Timestamp;
use sqlx::Transaction;
use uuid::Uuid;

use crate::store::{SqlDatabase, SqlStore};

/// Publishes or schedules events in a transaction of yours, so that your rows and the event are both committed, or
/// neither.
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

    /// As [`EventBus::publish_at`], if `tx` commits: publishes `event` when its time has come, or up to the store's
    /// [`poll`](crate::SqlStoreBuilder::poll) later, and returns its id, with which [`EventBus::cancel`] takes it back
    /// after the commit. What [`publish_in`](Self::publish_in) says about the transaction holds here, too.
    ///
    /// ```
    /// use cqrs_core::prelude::*;
    /// use cqrs_sql::PublishIn as _;
    /// use jiff::{Timestamp, ToSpan as _};
    /// use sqlx::SqlitePool;
    ///
    /// #[derive(Serialize, Deserialize, Event)]
    /// struct TrialEnding { #[event(entity_id)] customer: i64 }
    ///
    /// # #[cfg(feature = "sqlite")]
    /// async fn sign_up(pool: &SqlitePool, events: &EventBus, ctx: &Context) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    ///     sqlx::query("INSERT INTO customers (id) VALUES (7)").execute(&mut *tx).await?;
    ///     let end = Timestamp::now() + (14 * 24).hours();
    ///     events.publish_at_in(&mut tx, ctx, end, TrialEnding { customer: 7 }).await?;
    ///     tx.commit().await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishInError`]. The transaction should be rolled back then.
    fn publish_at_in<E: Event, DB: SqlDatabase>(
        &self,
        tx: &mut Transaction<'_, DB>,
        ctx: &Context,
        at: Timestamp,
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
        let staged = self.stage(ctx, event).await?;
        let id = staged.event.id;
        sql_store(&staged.store)?.publish_in(tx, &[staged.event]).await?;
        Ok(id)
    }

    async fn publish_at_in<E: Event, DB: SqlDatabase>(
        &self,
        tx: &mut Transaction<'_, DB>,
        ctx: &Context,
        at: Timestamp,
        event: E,
    ) -> Result<Uuid, PublishInError> {
        let Staged { store, event } = self.stage_at(ctx, at, event).await?;
        let id = event.id;
        sql_store(&store)?.publish_at_in(tx, &[ScheduledEvent { due: at, event }]).await?;
        Ok(id)
    }
}

fn sql_store(store: &Arc<dyn Store>) -> Result<&SqlStore, PublishInError> {
    let store: &dyn Any = &**store;
    store.downcast_ref().ok_or(PublishInError::OtherStore)
}
