//! What the error codes of the databases mean: <https://www.sqlite.org/rescode.html>,
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use cqrs_core::log::StoreError;
use sqlx::error::DatabaseError;

/// Primary codes of SQLite.
#[cfg(feature = "sqlite")]
mod sqlite {
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const PROTOCOL: u32 = 15;
    pub(super) const NOTADB: u32 = 26;
}

/// The connection was lost, or the server ended it.
#[cfg(feature = "postgres")]
const LOST: [&str; 3] = ["08", "57P", "25P03"];

/// Used up resources, conflicts, locks, cancelled statements, and a server that only reads, such as after a failover.
#[cfg(feature = "postgres")]
const TRANSIENT: [&str; 5] = ["53", "40", "57", "55P03", "25006"];

/// Serialization failures, deadlocks, and locks that were not available. The whole class `40` is too much: it also has the
/// code of a statement whose completion is unknown.
#[cfg(feature = "postgres")]
const CONFLICT: [&str; 3] = ["40001", "40P01", "55P03"];

#[cfg(feature = "postgres")]
const UNDEFINED_TABLE: &str = "42P01";

#[cfg(feature = "postgres")]
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// What an error of the database means for the caller of a store.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    if is_transient(&error) {
        StoreError::Unavailable(Box::new(error))
    } else {
        StoreError::Refused(Box::new(error))
    }
}

/// The store refuses a value that its columns cannot keep.
pub(crate) fn refused(reason: impl Into<String>) -> StoreError {
    StoreError::Refused(reason.into().into())
}

/// Explains the error of a write in a transaction of the user: if the table is missing, the transaction is one of another
/// database than the store's, because the store has made its tables when it was opened.
pub(crate) fn in_users_transaction(error: StoreError) -> StoreError {
    let of_database = match &error {
        StoreError::Refused(error) => error.downcast_ref::<sqlx::Error>(),
        _ => None,
    };
    match of_database.and_then(sqlx::Error::as_database_error) {
        Some(missing) if is_missing_table(missing) => refused(format!(
            "the transaction is of another database than the store ({}): begin it in the store's database, or open the \
             store with `SqlStore::from_pool` and the pool of the transaction",
            missing.message()
        )),
        _ => error,
    }
}

fn is_missing_table(error: &dyn DatabaseError) -> bool {
    #[cfg(feature = "postgres")]
    if is_postgres(error) {
        return has_class(error, &[UNDEFINED_TABLE]);
    }
    // SQLite has no code for it.
    error.message().starts_with("no such table")
}

/// Whether the same call may succeed later.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    is_lost(error)
        || match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::BeginFailed => true,
            sqlx::Error::Database(error) => is_transient_code(&**error),
            _ => false,
        }
}

/// Whether the connection is gone. If that happened during a commit, the error does not say whether the transaction
/// has taken effect.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => true,
        #[cfg(feature = "postgres")]
        sqlx::Error::Database(error) => has_class(&**error, &LOST),
        _ => false,
    }
}

/// Whether a transaction was rolled back because of a conflict with another one: a serialization failure, a deadlock, or a
/// lock that was not available. It has had no effect.
pub(crate) fn is_conflict(error: &(dyn std::error::Error + 'static)) -> bool {
    database_error(error).is_some_and(|error| {
        #[cfg(feature = "postgres")]
        if is_postgres(error) {
            return has_class(error, &CONFLICT);
        }
        #[cfg(feature = "sqlite")]
        {
            matches!(sqlite_code(error), Some(sqlite::BUSY | sqlite::LOCKED))
        }
        #[cfg(not(feature = "sqlite"))]
        false
    })
}

/// The database's own error. An error type with `#[error(transparent)]` leaves out sqlx's error, so that only the driver's
/// is among its causes.
fn database_error<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a (dyn DatabaseError + 'static)> {
    match error.downcast_ref::<sqlx::Error>() {
        Some(error) => error.as_database_error(),
        None => error.downcast_ref::<Box<dyn DatabaseError>>().map(|error| &**error),
    }
}

fn is_transient_code(error: &dyn DatabaseError) -> bool {
    #[cfg(feature = "postgres")]
    if is_postgres(error) {
        return has_class(error, &TRANSIENT);
    }
    #[cfg(feature = "sqlite")]
    {
        use sqlite::{BUSY, CANTOPEN, FULL, IOERR, LOCKED, PROTOCOL, READONLY};
        // SQLite says CANTOPEN also if the disk is too full for a file beside the database.
        let codes = [BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL];
        sqlite_code(error).is_some_and(|code| codes.contains(&code))
    }
    #[cfg(not(feature = "sqlite"))]
    false
}

#[cfg(feature = "postgres")]
fn is_postgres(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some()
}

#[cfg(feature = "postgres")]
fn has_class(error: &dyn DatabaseError, classes: &[&str]) -> bool {
    let code = error.code().unwrap_or_default();
    is_postgres(error) && classes.iter().any(|class| code.starts_with(class))
}

/// Whether the role lacks a right.
#[cfg(feature = "postgres")]
pub(crate) fn is_denied(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == INSUFFICIENT_PRIVILEGE)
}

/// Whether another process holds a lock of the file.
#[cfg(feature = "sqlite")]
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlite_code) == Some(sqlite::BUSY)
}

/// Whether the file or its directory cannot be written to.
#[cfg(feature = "sqlite")]
pub(crate) fn is_not_writable(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlite_code);
    matches!(code, Some(sqlite::READONLY | sqlite::CANTOPEN))
}

/// Whether the file is something else than a database.
#[cfg(feature = "sqlite")]
pub(crate) fn is_not_a_database(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlite_code) == Some(sqlite::NOTADB)
}

/// The primary code, which is the lowest byte.
#[cfg(feature = "sqlite")]
fn sqlite_code(error: &dyn DatabaseError) -> Option<u32> {
    error.code()?.parse().ok().map(|code: u32| code & 0xff)
}
