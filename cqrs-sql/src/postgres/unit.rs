//! Transactions in Postgres in which users write.

use std::any::Any;
use std::sync::Arc;

use cqrs_core::TenantId;
use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    DoneRow, Executed, ExecutionKey, LogEvent, ScheduledEvent, StoreError, Unit, Units,
};
use cqrs_core::services::TypeRef;
use sqlx::{Postgres, Transaction};
use tokio::sync::Notify;

use super::PostgresStore;
use super::row_security;
use super::tables::Tables;
use crate::codes::{self, store_error};
use crate::convert::joined;

/// A transaction in which a handler writes.
pub type PostgresTransaction = Transaction<'static, Postgres>;

impl Units for PostgresStore {
    fn transaction(&self) -> TypeRef {
        TypeRef::of::<PostgresTransaction>()
    }

    fn is_conflict(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        codes::is_conflict(error)
    }

    /// Always with the tenant: it costs nothing, and users' own tables can have policies without any option.
    fn begin<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
    ) -> BoxFuture<'a, Result<Box<dyn Unit>, StoreError>> {
        let begin = row_security::begin(tenant);
        Box::pin(async move {
            let pool = self.pool.clone();
            let (tables, news) = (self.tables.clone(), Arc::clone(&self.news));
            // In a task, so that a dropped future leaves no connection with an open transaction to the pool.
            let beginning = tokio::spawn(async move {
                let tx = pool.begin_with(begin).await.map_err(store_error)?;
                Ok(PostgresUnit { tx, may_have_failed: false, has_published: false, tables, news })
            });
            Ok(Box::new(joined(beginning.await)?) as Box<dyn Unit>)
        })
    }
}

/// Rolled back when it is dropped, as sqlx's transaction is.
struct PostgresUnit {
    tx: PostgresTransaction,
    /// Whether a statement of the handler may have failed, and no other was executed since.
    may_have_failed: bool,
    has_published: bool,
    tables: Tables,
    news: Arc<Notify>,
}

impl Unit for PostgresUnit {
    fn transaction(&mut self) -> &mut (dyn Any + Send) {
        self.may_have_failed = true;
        &mut self.tx
    }

    fn publish<'a>(&'a mut self, events: &'a [LogEvent]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.has_published |= !events.is_empty();
        Box::pin(self.tables.publish(&mut self.tx, events))
    }

    fn schedule<'a>(
        &'a mut self,
        events: &'a [ScheduledEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.tables.schedule(&mut self.tx, events))
    }

    fn done<'a>(&'a mut self, rows: &'a [DoneRow]) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let is_new = self.tables.write_done(&mut self.tx, rows).await?;
            self.may_have_failed &= rows.is_empty();
            Ok(is_new)
        })
    }

    fn claim_key<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
    ) -> BoxFuture<'a, Result<Option<Executed>, StoreError>> {
        Box::pin(async move { self.tables.claim_key(&mut self.tx, key).await.map_err(store_error) })
    }

    fn store_output<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
        output: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.tables.store_output(&mut self.tx, key, output).await.map_err(store_error)?;
            self.may_have_failed = false;
            Ok(())
        })
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            // In a task: once it has begun, a commit goes on, even if its future is dropped.
            let committing = tokio::spawn(async move {
                // After a statement that failed, Postgres answers COMMIT with a rollback, and that is no error for
                // sqlx. Any other statement fails then.
                if self.may_have_failed {
                    sqlx::raw_sql("SELECT 1").execute(&mut *self.tx).await.map_err(store_error)?;
                }
                self.tx.commit().await.map_err(store_error)?;
                if self.has_published {
                    // A reader of this process moves the outbox.
                    self.news.notify_waiters();
                }
                Ok(())
            });
            joined(committing.await)
        })
    }
}
