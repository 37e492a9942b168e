//! Which errors pass by themselves.

use sqlx::error::DatabaseError;

/// The database is away, busy or full. What it was told is not to blame, and need not be told otherwise.
pub(crate) fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => code_is_passing(&**error),
        _ => false,
    }
}

/// Somebody else has held for too long what has to be locked.
pub(crate) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == LOCK_NOT_AVAILABLE)
}

/// Of Postgres.
const LOCK_NOT_AVAILABLE: &str = "55P03";

fn code_is_passing(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    #[cfg(feature = "postgres")]
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        // <https://www.postgresql.org/docs/current/errcodes-appendix.html>: of the connection, of
        // resources that are used up, of a server that stops or starts, of transactions in each other's way.
        let classes = ["08", "53", "57P", "40", LOCK_NOT_AVAILABLE];
        return classes.iter().any(|class| code.starts_with(class));
    }
    // <https://www.sqlite.org/rescode.html>: the lowest byte is the primary code. BUSY, LOCKED, IOERR,
    // FULL, and CANTOPEN, as when there is no room for what it needs beside the file.
    matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(5 | 6 | 10 | 13 | 14))
}
