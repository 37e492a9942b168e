//! Opening an SQLite database.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};

use super::Database;
use super::codes::{is_busy, is_not_a_database, is_not_writable};
use super::migrations::{Dialect, migrate};
use super::writers::Writers;
use crate::error::OpenError;

const DIALECT: Dialect = Dialect {
    words: &[
        ("{bytes}", "BLOB"),
        (
            "{checks}",
            ", CHECK (length(id) = 16), CHECK (length(correlation_id) = 16), \
             CHECK (length(causation_id) = 16)",
        ),
        ("{id}", "BLOB"),
        ("{key}", "TEXT"),
        ("{number}", "INTEGER"),
        ("{strict}", "STRICT"),
        ("{zero_hash}", "(zeroblob(32))"),
    ],
    triggers: include_str!("../../migrations/1_triggers.sqlite.sql"),
    guards: include_str!("../../migrations/2_guards.sqlite.sql"),
};

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// How soon a connection is tried again that another process has kept from being made.
const RETRY_AFTER: Duration = Duration::from_millis(20);

const READERS: u32 = 8;

/// How many rows SQLite's thread reads ahead.
const ROWS_AHEAD: usize = 250;

/// Opens the file, and creates it if it does not exist.
pub(crate) async fn open_sqlite(path: &Path) -> Result<Database, OpenError> {
    check(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    // SQLite's thread hands rows over in groups of this size, instead of one by one.
    let reading = options.clone().pragma("query_only", "ON").row_buffer_size(ROWS_AHEAD);
    // 16 MiB, as a negative number of KiB, because writes touch many pages of the indexes.
    let writing = options.pragma("cache_size", "-16384");
    let explained = |error| explain(path, error);

    let writer = connect(writing).await.map_err(explained)?;
    let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(reading);
    migrate_sqlite(&writer).await.map_err(|error| match error {
        OpenError::Database(error) => explain(path, error),
        error => error,
    })?;
    Ok(Database::Sqlite { writers: Writers::new(writer, 1), readers })
}

/// Several processes that open a new file at once switch it to the write-ahead log at once. SQLite refuses
/// that to all but one of them, without waiting, so the others try again.
async fn connect(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let began = Instant::now();
    loop {
        let pool = SqlitePoolOptions::new().max_connections(1);
        match pool.connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            connected => return connected,
        }
    }
}

/// Uses the pool with the settings of its owner.
pub(crate) async fn open_sqlite_pool(pool: SqlitePool) -> Result<Database, OpenError> {
    migrate_sqlite(&pool).await?;
    Ok(Database::Sqlite { writers: Writers::new(pool.clone(), 1), readers: pool })
}

async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), OpenError> {
    let mut connection = pool.acquire().await?;
    let migrated = migrate(connection.begin_with("BEGIN IMMEDIATE").await?, &DIALECT).await;
    if migrated.is_err() {
        // SQLite may have rolled back by itself, which sqlx does not notice.
        connection.close_on_drop();
    }
    migrated
}

fn check(path: &Path) -> Result<(), OpenError> {
    let text = path.to_string_lossy();
    let not_a_path = |given: &str, hint| OpenError::NotAPath { given: given.to_owned(), hint };
    if let Some((scheme, _)) = text.split_once("://") {
        // The rest may contain a password.
        let hint =
            "write the path alone, such as `activity.db`, or use `ActivityLog::postgres(..)`";
        return Err(not_a_path(&format!("{scheme}://.."), hint));
    }
    if text.starts_with("sqlite:") || text.starts_with("file:") {
        return Err(not_a_path(&text, "write the path alone, such as `activity.db`"));
    }
    if text == ":memory:" || text.is_empty() {
        let hint = "a log is kept in a file; in a test, use one in a temporary directory";
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
