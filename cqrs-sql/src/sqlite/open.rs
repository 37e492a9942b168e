//! Opening an SQLite database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{Connection as _, Sqlite, SqlitePool};
use tokio::sync::{Notify, Semaphore};

use super::SqliteStore;
use super::tables::Tables;
use super::watch::Watch;
use crate::codes::{is_busy, is_not_a_database, is_not_writable};
use crate::error::OpenError;
use crate::expected::Expected;
use crate::migrations::Migrations;
use crate::names::Names;
use crate::options::Options;
use crate::transaction::WriteTransaction;

pub(super) const MIGRATIONS: Migrations = Migrations(&[
    include_str!("../../migrations/1.sqlite.sql"),
    include_str!("../../migrations/2.sqlite.sql"),
]);

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How soon an operation is tried again that another process was in the way of.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// How long a writer waits for the others of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

const READERS: u32 = 4;

/// How many rows SQLite's thread reads ahead.
const ROWS_AHEAD: usize = 250;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 120;

/// Opens the file, and creates it if it does not exist.
pub(crate) async fn open_file(path: &Path, options: &Options) -> Result<SqliteStore, OpenError> {
    options.check_sqlite()?;
    check(path)?;
    let connecting = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(options.synchronous)
        .statement_cache_capacity(STATEMENTS);
    // SQLite's thread hands rows over in groups of this size, instead of one by one.
    let reading = connecting.clone().pragma("query_only", "ON").row_buffer_size(ROWS_AHEAD);
    let opening = async {
        let writers = connect(connecting).await?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
        let readers = readers.connect_lazy_with(reading);
        open(writers, readers, true, options).await
    };
    opening.await.map_err(|error| match error {
        OpenError::Database(error) => explain(path, error),
        error => error,
    })
}

/// Several processes that open a new file at once switch it to the write-ahead log at once. SQLite refuses
/// that to all but one of them, without waiting, so the others try again.
async fn connect(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let began = Instant::now();
    loop {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            // A transaction that did not end, because SQLite had rolled back by itself.
            .before_acquire(|connection, _| {
                Box::pin(async move { Ok(!connection.is_in_transaction()) })
            });
        match pool.connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            connected => return connected,
        }
    }
}

/// Uses the pool with the settings of its owner.
pub(crate) async fn open_pool(
    pool: SqlitePool,
    options: &Options,
) -> Result<SqliteStore, OpenError> {
    options.check_sqlite()?;
    open(pool.clone(), pool, false, options).await
}

async fn open(
    writers: SqlitePool,
    readers: SqlitePool,
    owns_pools: bool,
    options: &Options,
) -> Result<SqliteStore, OpenError> {
    let names = Names::new(None, &options.prefix)?;
    let mut tx =
        WriteTransaction::<Sqlite>::begin(writers.acquire().await?, None, "BEGIN IMMEDIATE")
            .await?;
    MIGRATIONS.run::<Sqlite>(&names, &mut tx).await?;
    let setting = "INSERT INTO {setting} (name, value) VALUES ('shards', ?) ON CONFLICT DO NOTHING";
    sqlx::query(names.sql(setting))
        .bind(options.new_shards()?.to_string())
        .execute(&mut *tx)
        .await?;
    let stored: String =
        sqlx::query_scalar(names.sql("SELECT value FROM {setting} WHERE name = 'shards'"))
            .fetch_one(&mut *tx)
            .await?;
    let shards = options.check_shards(&stored)?;
    let leases = "WITH RECURSIVE shard(number) AS \
                  (SELECT 0 UNION ALL SELECT number + 1 FROM shard WHERE number + 1 < ?) \
                  INSERT INTO {lease} (application, shard) SELECT ?, number FROM shard WHERE true \
                  ON CONFLICT DO NOTHING";
    sqlx::query(names.sql(leases))
        .bind(i64::from(shards))
        .bind(&options.application)
        .execute(&mut *tx)
        .await?;
    let last = sqlx::query_scalar(names.sql("SELECT coalesce(max(position), 0) FROM {event}"))
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(SqliteStore {
        tables: Tables { names, application: options.application.clone() },
        profile: options.profile("SQLite", shards),
        keep_keys: options.keep_keys,
        watch: Watch::new(&readers),
        writers,
        writing: Arc::new(Semaphore::new(1)),
        readers,
        owns_pools,
        news: Arc::new(Notify::new()),
        expected: Expected::default(),
        seen: AtomicI64::new(last),
    })
}

fn check(path: &Path) -> Result<(), OpenError> {
    let text = path.to_string_lossy();
    let not_a_path = |given: &str, hint| OpenError::NotAPath { given: given.to_owned(), hint };
    if let Some((scheme, _)) = text.split_once("://") {
        // The rest may contain a password.
        let hint = "write the path alone, such as `app.db`, or use `SqlStore::postgres(..)`";
        return Err(not_a_path(&format!("{scheme}://.."), hint));
    }
    if text.starts_with("sqlite:") || text.starts_with("file:") {
        return Err(not_a_path(&text, "write the path alone, such as `app.db`"));
    }
    if text == ":memory:" || text.is_empty() {
        let hint = "a durable log is kept in a file; in a test, use one in a temporary directory, or \
                    `MemoryStore`";
        return Err(not_a_path(&text, hint));
    }
    if path.is_dir() {
        return Err(not_a_path(&text, "this is a directory; name a file in it"));
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            Err(OpenError::DirectoryMissing(parent.to_owned()))
        }
        _ => Ok(()),
    }
}

/// What an error of SQLite means for the file.
fn explain(path: &Path, error: sqlx::Error) -> OpenError {
    match error {
        error if is_not_writable(&error) => OpenError::NotWritable(path.to_owned()),
        error if is_not_a_database(&error) => OpenError::NotADatabase(path.to_owned()),
        error => OpenError::Database(error),
    }
}
