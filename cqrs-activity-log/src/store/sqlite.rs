//! Opening an SQLite database.

use std::path::Path;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};

use super::Database;
use super::migrations::{Migrations, migrate};
use super::writers::Writers;
use crate::error::OpenError;

const MIGRATIONS: Migrations = &[
    ("activity", include_str!("../../migrations/sqlite/1_activity.sql")),
    ("guards", include_str!("../../migrations/sqlite/2_guards.sql")),
];

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

const READERS: u32 = 8;

/// How many rows SQLite's thread reads ahead.
const ROWS_AHEAD: usize = 250;

/// Opens the file, which is made if it is not there.
pub(crate) async fn open_sqlite(path: &Path) -> Result<Database, OpenError> {
    check(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    // So many rows are handed over at once, rather than each on its own.
    let reading = options.clone().pragma("query_only", "ON").row_buffer_size(ROWS_AHEAD);
    // In pages of 1 KiB, as a negative number: indexes are written all over.
    let writing = options.pragma("cache_size", "-16384");
    let explained = |error| explain(path, error);

    let pool = SqlitePoolOptions::new().max_connections(1);
    let writer = pool.connect_with(writing).await.map_err(explained)?;
    let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(reading);
    migrate_sqlite(&writer).await.map_err(|error| match error {
        OpenError::Database(error) => explain(path, error),
        error => error,
    })?;
    Ok(Database::Sqlite { writers: Writers::new(writer, 1), readers })
}

/// Uses the pool, as its owner has set it up.
pub(crate) async fn open_sqlite_pool(pool: SqlitePool) -> Result<Database, OpenError> {
    migrate_sqlite(&pool).await?;
    Ok(Database::Sqlite { writers: Writers::new(pool.clone(), 1), readers: pool })
}

async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), OpenError> {
    let mut connection = pool.acquire().await?;
    let migrated = migrate(connection.begin_with("BEGIN IMMEDIATE").await?, MIGRATIONS).await;
    if migrated.is_err() {
        // SQLite may have rolled back by itself, which sqlx does not know.
        connection.close_on_drop();
    }
    migrated
}

fn check(path: &Path) -> Result<(), OpenError> {
    let text = path.to_string_lossy();
    let not_a_path = |given: &str, hint| OpenError::NotAPath { given: given.to_owned(), hint };
    if let Some((scheme, _)) = text.split_once("://") {
        // The rest may have a password in it.
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

/// What an error of SQLite means for the file (<https://www.sqlite.org/rescode.html>).
fn explain(path: &Path, error: sqlx::Error) -> OpenError {
    let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
    // The lowest byte is the primary code: 8 is READONLY, 14 is CANTOPEN, 26 is NOTADB.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(8 | 14) => OpenError::NotWritable(path.to_owned()),
        Ok(26) => OpenError::NotADatabase(path.to_owned()),
        _ => OpenError::Database(error),
    }
}
