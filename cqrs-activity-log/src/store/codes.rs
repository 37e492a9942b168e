//! What the error codes of the databases mean: <https://www.sqlite.org/rescode.html>,
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use sqlx::error::DatabaseError;

/// Primary codes of SQLite.
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
#[cfg(feature = "sqlite")]
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
#[cfg(feature = "sqlite")]
const NOTADB: u32 = 26;

/// Codes of Postgres.
const LOCK_NOT_AVAILABLE: &str = "55P03";
#[cfg(feature = "postgres")]
const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// Lost connections, used up resources, a server that stops or starts, conflicting transactions, and locks.
#[cfg(feature = "postgres")]
const TRANSIENT: [&str; 5] = ["08", "53", "57P", "40", LOCK_NOT_AVAILABLE];

/// Whether the database is away, busy or full. The statement is not the cause, and can be tried again.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => is_transient_code(&**error),
        _ => false,
    }
}

fn is_transient_code(error: &dyn DatabaseError) -> bool {
    #[cfg(feature = "postgres")]
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        let code = error.code().unwrap_or_default();
        return TRANSIENT.iter().any(|class| code.starts_with(class));
    }
    // SQLite says CANTOPEN also if the disk is too full for a file beside the database.
    matches!(sqlite_code(error), Some(BUSY | LOCKED | IOERR | FULL | CANTOPEN))
}

/// Whether a lock was not released in time.
pub(crate) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    has_code(error, LOCK_NOT_AVAILABLE)
}

/// Whether the role lacks a right.
#[cfg(feature = "postgres")]
pub(super) fn is_denied(error: &sqlx::Error) -> bool {
    has_code(error, INSUFFICIENT_PRIVILEGE)
}

/// Whether another process holds a lock of the file.
#[cfg(feature = "sqlite")]
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlite_code) == Some(BUSY)
}

/// Whether the file or its directory cannot be written to.
#[cfg(feature = "sqlite")]
pub(super) fn is_not_writable(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlite_code);
    matches!(code, Some(READONLY | CANTOPEN))
}

/// Whether the file is something else than a database.
#[cfg(feature = "sqlite")]
pub(super) fn is_not_a_database(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlite_code) == Some(NOTADB)
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|found| found == code)
}

/// The primary code, which is the lowest byte.
fn sqlite_code(error: &dyn DatabaseError) -> Option<u32> {
    error.code()?.parse().ok().map(|code: u32| code & 0xff)
}
