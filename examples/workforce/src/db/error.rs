//! What goes wrong with a database.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteError;

/// A statement failed. Its text is for the log: a client is told nothing of it.
#[derive(Debug, thiserror::Error)]
#[error("the database: {0}")]
pub struct DbError(#[from] pub(super) sqlx::Error);

impl DbError {
    /// Whether a row with the same unique value is there already.
    pub fn is_duplicate(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(error) if error.is_unique_violation())
    }

    /// Whether it was too busy: another attempt may succeed.
    pub fn is_busy(&self) -> bool {
        match &self.0 {
            sqlx::Error::PoolTimedOut => true,
            // SQLITE_BUSY with its extensions; Postgres: serialization failure, deadlock.
            sqlx::Error::Database(error) => {
                matches!(error.code().as_deref(), Some("5" | "261" | "517" | "40001" | "40P01"))
            }
            _ => false,
        }
    }

    /// Whether it was there and said no: as long as nothing changes, it will again.
    pub fn is_refusal(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(_)) && !self.is_busy()
    }

    pub(super) fn decode(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(sqlx::Error::Decode(Box::new(error)))
    }
}

/// A database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names a database that is neither `SQLite` nor Postgres, or is malformed.
    #[error(
        "`{url}` names no database: expected a file such as `workforce.db`, `sqlite://file` or \
         `postgres://user@host/name`{reason}"
    )]
    Url {
        /// What was given, without its password.
        url: String,
        /// What is wrong with it, if more is known.
        reason: String,
    },
    /// There is no connection.
    #[error("cannot open the database `{url}`: {error}{}", advice(error))]
    Connect {
        /// What was given, without its password.
        url: String,
        /// What the driver says.
        #[source]
        error: sqlx::Error,
    },
    /// The tables cannot be created or brought up to date; a newer version of the program may have
    /// written them.
    #[error("cannot bring the tables of `{url}` up to date: {error}{}", advice_of_migration(error))]
    Migrate {
        /// What was given, without its password.
        url: String,
        /// What the migrator says.
        #[source]
        error: MigrateError,
    },
}

/// What to do about an error of `SQLite` (<https://www.sqlite.org/rescode.html>).
fn advice(error: &sqlx::Error) -> &'static str {
    let error = error.as_database_error();
    let error = error.and_then(|error| error.try_downcast_ref::<SqliteError>());
    let code = error.and_then(DatabaseError::code).unwrap_or_default();
    // The lowest byte is the primary code.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(8 | 14) => {
            "; the folder has to be there, and this program allowed to write to it and to the file"
        }
        Ok(26) => "; the file is something else, so name another one",
        _ => "",
    }
}

fn advice_of_migration(error: &MigrateError) -> &'static str {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => advice(error),
        _ => "",
    }
}
