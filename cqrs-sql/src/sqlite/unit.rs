//! Transactions in SQLite in which users write.

use std::any::Any;
use std::sync::Arc;

use cqrs_core::TenantId;
use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    DoneRow, Executed, ExecutionKey, LogEvent, ScheduledEvent, StoreError, Unit, Units,
};
use cqrs_core::services::TypeRef;
use sqlx::{Sqlite, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::SqliteStore;
use super::tables::Tables;
use crate::codes::{self, store_error};
use crate::convert::joined;

/// A transaction in which a handler writes. It excludes all other writers of the file.
pub type SqliteTransaction = Transaction<'static, Sqlite>;

impl Units for SqliteStore {
    fn transaction(&self) -> TypeRef {
        TypeRef::of::<SqliteTransaction>()
    }

    fn is_conflict(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        codes::is_conflict(error)
    }

    fn begin<'a>(
        &'a self,
        _: Option<&'a TenantId>,
    ) -> BoxFuture<'a, Result<Box<dyn Unit>, StoreError>> {
        Box::pin(async move {
            let permit = self.permit().await.map_err(store_error)?;
            let pool = self.writers.clone();
            let (tables, news) = (self.tables.clone(), Arc::clone(&self.news));
            // In a task, so that a dropped future leaves no connection with an open transaction to the pool.
            let beginning = tokio::spawn(async move {
                let tx = pool.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
                let open = Some(Open { tx, _permit: permit });
                Ok(SqliteUnit { open, has_published: false, tables, news })
            });
            Ok(Box::new(joined(beginning.await)?) as Box<dyn Unit>)
        })
    }
}

struct SqliteUnit {
    /// `None` once it has ended.
    open: Option<Open>,
    has_published: bool,
    tables: Tables,
    news: Arc<Notify>,
}

struct Open {
    tx: SqliteTransaction,
    _permit: OwnedSemaphorePermit,
}

impl SqliteUnit {
    fn tx(&mut self) -> &mut SqliteTransaction {
        &mut self.open.as_mut().expect("the transaction is open until the unit is gone").tx
    }
}

impl Unit for SqliteUnit {
    fn transaction(&mut self) -> &mut (dyn Any + Send) {
        self.tx()
    }

    fn publish<'a>(&'a mut self, events: &'a [LogEvent]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.has_published |= !events.is_empty();
            let tables = self.tables.clone();
            tables.publish(self.tx(), events).await
        })
    }

    fn schedule<'a>(
        &'a mut self,
        events: &'a [ScheduledEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let tables = self.tables.clone();
            let events: Vec<_> = events.iter().collect();
            tables.schedule(self.tx(), &events).await
        })
    }

    fn done<'a>(&'a mut self, rows: &'a [DoneRow]) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let tables = self.tables.clone();
            tables.write_done(self.tx(), rows).await.map_err(store_error)
        })
    }

    fn claim_key<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
    ) -> BoxFuture<'a, Result<Option<Executed>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables.clone();
            tables.claim_key(self.tx(), key).await.map_err(store_error)
        })
    }

    fn store_output<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
        output: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let tables = self.tables.clone();
            tables.store_output(self.tx(), key, output).await.map_err(store_error)
        })
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            // In a task: once it has begun, a commit goes on, even if its future is dropped.
            let committing = tokio::spawn(async move {
                let Some(mut open) = self.open.take() else { return Ok(()) };
                // Another transaction follows, because sqlx counts one. Dropped, it is rolled back.
                let committed = sqlx::raw_sql("COMMIT; BEGIN").execute(&mut *open.tx).await;
                match &committed {
                    Ok(_) => drop(open),
                    Err(_) => open.settle().await,
                }
                if committed.is_ok() && self.has_published {
                    self.news.notify_waiters();
                }
                committed.map(drop).map_err(store_error)
            });
            joined(committing.await)
        })
    }
}

impl Drop for SqliteUnit {
    fn drop(&mut self) {
        // Without a runtime, sqlx rolls back with its next use of the connection.
        if let (Some(open), Ok(runtime)) = (self.open.take(), Handle::try_current()) {
            runtime.spawn(open.settle());
        }
    }
}

impl Open {
    /// Rolls back what is open, so that the connection can be used again.
    ///
    /// sqlx counts how deep it is in transactions, and that count is wrong after SQLite has rolled back by itself, such
    /// as when the disk is full. So first a transaction is begun, which fails if there is one.
    async fn settle(mut self) {
        sqlx::raw_sql("BEGIN").execute(&mut *self.tx).await.map(drop).unwrap_or_default();
        if let Err(error) = self.tx.rollback().await {
            tracing::debug!(%error, "a transaction could not be rolled back");
        }
    }
}
