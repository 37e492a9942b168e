//! The store in SQLite.

mod rows; // events as rows
mod tables; // what is written in any transaction
mod watch; // noticing the commits of other processes
mod open; // opening a file or a pool
mod log; // the log
mod progress; // subscriptions, leases, checkpoints
mod maintenance; // what operators look at and change
mod scheduled; // scheduled events
mod idempotency; // commands with an idempotency key
mod unit; // transactions of users

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{LogEvent, Profile, ScheduledEvent, StoreError};
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

pub(crate) use self::open::{open_file, open_pool};
use self::tables::Tables;
pub use self::unit::SqliteTransaction;
use self::watch::Watch;
use crate::backend::Backend;
use crate::expected::Expected;
use crate::transaction::WriteTransaction;

/// The store in SQLite.
pub(crate) struct SqliteStore {
    tables: Tables,
    profile: Profile,
    /// How long idempotency keys are kept.
    keep_keys: Duration,
    writers: SqlitePool,
    /// One writer of this process at a time. Others wait here in turn, which SQLite's own waiting does not do.
    writing: Arc<Semaphore>,
    readers: SqlitePool,
    owns_pools: bool,
    /// Wakes the readers of this process.
    news: Arc<Notify>,
    expected: Expected,
    watch: Watch,
    /// The highest position that this process has seen.
    seen: AtomicI64,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Publishes in a transaction of the caller.
    pub(crate) async fn publish(
        &self,
        connection: &mut SqliteConnection,
        events: &[LogEvent],
    ) -> Result<(), StoreError> {
        self.tables.publish(connection, events).await?;
        self.expected.expect(&self.news);
        Ok(())
    }

    /// Schedules in a transaction of the caller.
    pub(crate) async fn schedule(
        &self,
        connection: &mut SqliteConnection,
        events: &[ScheduledEvent],
    ) -> Result<(), StoreError> {
        let events: Vec<_> = events.iter().collect();
        self.tables.schedule(connection, &events).await
    }

    /// The right to write, for this process.
    async fn permit(&self) -> sqlx::Result<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.writing).acquire_owned();
        tokio::time::timeout(self.writers.options().get_acquire_timeout(), permit)
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)
    }

    async fn write(&self) -> sqlx::Result<WriteTransaction<Sqlite>> {
        let permit = self.permit().await?;
        let connection = self.writers.acquire().await?;
        WriteTransaction::begin(connection, Some(permit), "BEGIN IMMEDIATE").await
    }

    fn saw(&self, position: i64) {
        self.seen.fetch_max(position, Ordering::Relaxed);
    }
}

impl Backend for SqliteStore {
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.watch.close().await;
            if self.owns_pools {
                self.readers.close().await;
                self.writers.close().await;
            }
        })
    }
}
