//! The store in Postgres.

mod rows; // events as rows
mod tables; // what is written in any transaction
mod row_security; // other roles see one tenant
mod notify; // nodes tell each other about news
mod open; // opening a URL or a pool
mod log; // the log
mod lost; // what became of an append whose connection was lost
mod save; // many changes of progress in one statement
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
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;

use self::notify::Notifications;
pub(crate) use self::open::{open_pool, open_url};
pub use self::row_security::set_tenant;
use self::tables::Tables;
pub use self::unit::PostgresTransaction;
use crate::backend::Backend;
use crate::expected::Expected;

/// The store in Postgres.
pub(crate) struct PostgresStore {
    tables: Tables,
    profile: Profile,
    /// How long idempotency keys are kept.
    keep_keys: Duration,
    pool: PgPool,
    owns_pool: bool,
    /// Wakes the readers of this process.
    news: Arc<Notify>,
    expected: Expected,
    notifications: Notifications,
    /// The highest position that this process has seen.
    seen: AtomicI64,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Publishes in a transaction of the caller.
    pub(crate) async fn publish(
        &self,
        connection: &mut PgConnection,
        events: &[LogEvent],
    ) -> Result<(), StoreError> {
        self.tables.publish(connection, events).await?;
        self.expected.expect(&self.news);
        Ok(())
    }

    /// Schedules in a transaction of the caller.
    pub(crate) async fn schedule(
        &self,
        connection: &mut PgConnection,
        events: &[ScheduledEvent],
    ) -> Result<(), StoreError> {
        self.tables.schedule(connection, events).await
    }

    fn saw(&self, position: i64) {
        self.seen.fetch_max(position, Ordering::Relaxed);
    }
}

impl Backend for PostgresStore {
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.notifications.stop();
            if self.owns_pool {
                self.pool.close().await;
            }
        })
    }
}
