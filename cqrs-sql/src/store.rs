//! The store, in either database.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    Beat, Change, Claim, DeliveryFilter, DueEvents, Edit, Entry, EventLog, Lease, LivingNode,
    LogEvent, LoggedEvent, Maintenance, NewSubscription, Node, Position, Profile, Progress,
    ScheduledEvent, Scheduling, SeenEvent, Store, StoreError, StoredFailure, Subscription,
    SubscriptionId, SubscriptionProgress, Units,
};
use sqlx::{Pool, Transaction};
use uuid::Uuid;

use crate::backend::Backend;
use crate::codes::in_users_transaction;
use crate::error::OpenError;
use crate::options::Options;
#[cfg(feature = "postgres")]
use crate::postgres::PostgresStore;
#[cfg(feature = "sqlite")]
use crate::sqlite::SqliteStore;

/// A durable log of events in SQLite or Postgres, with the progress of subscriptions and with transactions. A clone
/// is the same store.
#[derive(Clone)]
pub struct SqlStore {
    database: Database,
}

#[derive(Clone)]
enum Database {
    #[cfg(feature = "sqlite")]
    Sqlite(Arc<SqliteStore>),
    #[cfg(feature = "postgres")]
    Postgres(Arc<PostgresStore>),
}

impl SqlStore {
    /// Publishes `events` if the caller's transaction commits. It must be a transaction in the database of the store.
    ///
    /// In Postgres, this inserts into a table from which the events move into the log later, in any isolation, and
    /// without waiting for other transactions. In SQLite, this inserts into the log: begin the transaction with
    /// `BEGIN IMMEDIATE`, because SQLite fails with "database is locked" if a transaction has read, another one has
    /// written, and then the first one writes.
    ///
    /// # Errors
    ///
    /// [`StoreError`], such as for a transaction of another database. The transaction should be rolled back then.
    pub async fn publish_in<DB: SqlDatabase>(
        &self,
        transaction: &mut Transaction<'_, DB>,
        events: &[LogEvent],
    ) -> Result<(), StoreError> {
        DB::publish(self, transaction, events).await.map_err(in_users_transaction)
    }

    /// Publishes `events` when they are due, if the caller's transaction commits. It must be a transaction in the database
    /// of the store; in SQLite, begin it with `BEGIN IMMEDIATE`.
    ///
    /// # Errors
    ///
    /// As [`publish_in`](Self::publish_in).
    pub async fn publish_at_in<DB: SqlDatabase>(
        &self,
        transaction: &mut Transaction<'_, DB>,
        events: &[ScheduledEvent],
    ) -> Result<(), StoreError> {
        DB::schedule(self, transaction, events).await.map_err(in_users_transaction)
    }

    /// Closes the store's connections, and waits for that. A pool that was given to [`from_pool`](Self::from_pool)
    /// stays open.
    pub async fn close(&self) {
        self.backend().close().await;
    }

    fn backend(&self) -> &dyn Backend {
        match &self.database {
            #[cfg(feature = "sqlite")]
            Database::Sqlite(store) => &**store,
            #[cfg(feature = "postgres")]
            Database::Postgres(store) => &**store,
        }
    }
}

#[cfg(feature = "sqlite")]
impl From<SqliteStore> for SqlStore {
    fn from(store: SqliteStore) -> Self {
        Self { database: Database::Sqlite(Arc::new(store)) }
    }
}

#[cfg(feature = "postgres")]
impl From<PostgresStore> for SqlStore {
    fn from(store: PostgresStore) -> Self {
        Self { database: Database::Postgres(Arc::new(store)) }
    }
}

/// Says which database it is, and nothing about how to connect to it.
impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("database", &self.profile().name).finish_non_exhaustive()
    }
}

/// A database that a [`SqlStore`] can be in: `Sqlite` or `Postgres` of sqlx.
pub trait SqlDatabase: sealed::Database {}

pub(crate) mod sealed {
    use super::{
        BoxFuture, LogEvent, OpenError, Options, Pool, ScheduledEvent, SqlStore, StoreError,
    };
    use sqlx::Transaction;

    pub trait Database: sqlx::Database {
        fn open(
            pool: Pool<Self>,
            options: Options,
        ) -> BoxFuture<'static, Result<SqlStore, OpenError>>;

        fn publish<'a>(
            store: &'a SqlStore,
            transaction: &'a mut Transaction<'_, Self>,
            events: &'a [LogEvent],
        ) -> BoxFuture<'a, Result<(), StoreError>>;

        fn schedule<'a>(
            store: &'a SqlStore,
            transaction: &'a mut Transaction<'_, Self>,
            events: &'a [ScheduledEvent],
        ) -> BoxFuture<'a, Result<(), StoreError>>;
    }
}

#[cfg(feature = "sqlite")]
impl SqlDatabase for sqlx::Sqlite {}

#[cfg(feature = "sqlite")]
impl sealed::Database for sqlx::Sqlite {
    fn open(pool: Pool<Self>, options: Options) -> BoxFuture<'static, Result<SqlStore, OpenError>> {
        Box::pin(async move { crate::sqlite::open_pool(pool, &options).await.map(SqlStore::from) })
    }

    fn publish<'a>(
        store: &'a SqlStore,
        transaction: &'a mut Transaction<'_, Self>,
        events: &'a [LogEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let connection = &mut **transaction;
        Box::pin(async move {
            match &store.database {
                Database::Sqlite(store) => store.publish(connection, events).await,
                #[cfg(feature = "postgres")]
                Database::Postgres(_) => Err(other_database("SQLite", "Postgres")),
            }
        })
    }

    fn schedule<'a>(
        store: &'a SqlStore,
        transaction: &'a mut Transaction<'_, Self>,
        events: &'a [ScheduledEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let connection = &mut **transaction;
        Box::pin(async move {
            match &store.database {
                Database::Sqlite(store) => store.schedule(connection, events).await,
                #[cfg(feature = "postgres")]
                Database::Postgres(_) => Err(other_database("SQLite", "Postgres")),
            }
        })
    }
}

#[cfg(feature = "postgres")]
impl SqlDatabase for sqlx::Postgres {}

#[cfg(feature = "postgres")]
impl sealed::Database for sqlx::Postgres {
    fn open(pool: Pool<Self>, options: Options) -> BoxFuture<'static, Result<SqlStore, OpenError>> {
        Box::pin(
            async move { crate::postgres::open_pool(pool, &options).await.map(SqlStore::from) },
        )
    }

    fn publish<'a>(
        store: &'a SqlStore,
        transaction: &'a mut Transaction<'_, Self>,
        events: &'a [LogEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let connection = &mut **transaction;
        Box::pin(async move {
            match &store.database {
                Database::Postgres(store) => store.publish(connection, events).await,
                #[cfg(feature = "sqlite")]
                Database::Sqlite(_) => Err(other_database("Postgres", "SQLite")),
            }
        })
    }

    fn schedule<'a>(
        store: &'a SqlStore,
        transaction: &'a mut Transaction<'_, Self>,
        events: &'a [ScheduledEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let connection = &mut **transaction;
        Box::pin(async move {
            match &store.database {
                Database::Postgres(store) => store.schedule(connection, events).await,
                #[cfg(feature = "sqlite")]
                Database::Sqlite(_) => Err(other_database("Postgres", "SQLite")),
            }
        })
    }
}

#[cfg(all(feature = "sqlite", feature = "postgres"))]
fn other_database(transaction: &str, store: &str) -> StoreError {
    crate::codes::refused(format!(
        "this is a transaction of {transaction}, and the events are in {store}"
    ))
}

impl Store for SqlStore {
    fn units(&self) -> Option<&dyn Units> {
        Some(self.backend())
    }
}

impl EventLog for SqlStore {
    fn profile(&self) -> Profile {
        self.backend().profile()
    }

    fn append<'a>(
        &'a self,
        entries: &'a [Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>> {
        self.backend().append(entries)
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LoggedEvent>, StoreError>> {
        self.backend().read(after, limit)
    }

    fn read_others<'a>(
        &'a self,
        after: Position,
        end: Position,
        without: &'a [&'a str],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        self.backend().read_others(after, end, without, limit)
    }

    fn read_at<'a>(
        &'a self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        self.backend().read_at(positions)
    }

    fn range(&self) -> BoxFuture<'_, Result<RangeInclusive<Position>, StoreError>> {
        self.backend().range()
    }

    /// On SQLite, events of other processes are noticed within 10 ms. On Postgres, those of other nodes by `NOTIFY`,
    /// and those of transactions with [`publish_in`](SqlStore::publish_in) only by the caller's poll.
    fn news(&self) -> BoxFuture<'_, ()> {
        self.backend().news()
    }
}

impl Progress for SqlStore {
    fn register<'a>(
        &'a self,
        wanted: &'a [NewSubscription<'a>],
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StoreError>> {
        self.backend().register(wanted)
    }

    fn beat<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Beat, StoreError>> {
        self.backend().beat(node)
    }

    fn claim<'a>(
        &'a self,
        node: &'a Node,
        at_most: usize,
        subscriptions: &'a [SubscriptionId],
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>> {
        self.backend().claim(node, at_most, subscriptions)
    }

    fn release<'a>(
        &'a self,
        node: &'a Node,
        leases: &'a [Lease],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.backend().release(node, leases)
    }

    fn leave<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<(), StoreError>> {
        self.backend().leave(node)
    }

    fn save<'a>(
        &'a self,
        changes: &'a [Change],
        seen: &'a [SeenEvent],
    ) -> BoxFuture<'a, Result<Vec<Lease>, StoreError>> {
        self.backend().save(changes, seen)
    }
}

impl Maintenance for SqlStore {
    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<SubscriptionProgress>, StoreError>> {
        self.backend().subscriptions()
    }

    fn nodes(&self) -> BoxFuture<'_, Result<Vec<LivingNode>, StoreError>> {
        self.backend().nodes()
    }

    fn failed<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        self.backend().failed(filter)
    }

    fn edit<'a>(&'a self, edit: &'a Edit<'a>) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.backend().edit(edit)
    }
}

impl Scheduling for SqlStore {
    fn cancel(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.backend().cancel(id)
    }

    fn move_due(
        &self,
        limit: usize,
        ahead: Duration,
    ) -> BoxFuture<'_, Result<DueEvents, StoreError>> {
        self.backend().move_due(limit, ahead)
    }
}
