//! Why a log cannot be opened, or an activity cannot be recorded.

use std::path::PathBuf;

/// A log could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// `sqlite` takes a path.
    #[error("`{given}` is not the path of a file; {hint}")]
    NotAPath {
        /// What was given, without a password that it may contain.
        given: String,
        /// What to write instead.
        hint: &'static str,
    },
    /// The directory of the file does not exist.
    #[error("the directory `{}` does not exist; create it first", .0.display())]
    DirectoryMissing(PathBuf),
    /// The file exists and is something else.
    #[error("`{}` is not an SQLite database", .0.display())]
    NotADatabase(PathBuf),
    /// The file or its directory cannot be written to.
    #[error("`{}` cannot be written to; check the permissions of the file and its directory", .0.display())]
    NotWritable(PathBuf),
    /// `postgres` takes a URL.
    #[error(
        "this is not a URL of a Postgres database, such as `postgres://user@host/database`: {0}"
    )]
    NotAPostgresUrl(#[source] sqlx::Error),
    /// A newer version of this crate has migrated the database.
    #[error(
        "the database has version {found} of the activity log's tables, which a newer version of this \
         program has made; this one knows versions up to {known}: run the newer program"
    )]
    NewerSchema {
        /// The version that was found.
        found: i64,
        /// The newest version that this build knows.
        known: i64,
    },
    /// The tables are not those that this crate makes.
    #[error("the activity log's tables cannot be brought up to date: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The tables are missing or of an older version, and the role has no right to change that.
    #[error(
        "the activity log's tables have to be made or brought up to date, and this role may not do that: \
         open the log once with the role that owns them ({0})"
    )]
    MayNotMigrate(#[source] sqlx::Error),
    /// The database failed.
    #[error("the activity log's database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
    /// An option cannot be used.
    #[error("{0}")]
    InvalidOption(String),
}

/// Activities could not be recorded. None of them was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The activity cannot be stored.
    #[error("the activity cannot be recorded: {0}")]
    Invalid(String),
    /// Data or changes are over the limit.
    #[error(
        "the activity cannot be recorded: its {part} have {bytes} bytes of JSON, and at most {limit} are \
         kept; refer to what is large instead, or set `ActivityLog::options().payload_limit(..)`"
    )]
    TooLarge {
        /// What is too large.
        part: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many at once.
    #[error(
        "{given} activities cannot be recorded at once: at most {limit}; record them in several calls"
    )]
    TooMany {
        /// How many were given.
        given: usize,
        /// How many are accepted.
        limit: usize,
    },
    /// The end of the tenant's chain was not written by this crate, so no entry can follow it.
    #[error(
        "the activity cannot be recorded: the chain of tenant `{tenant}` has been tampered with, since its \
         row in `activity_chains` has a head that nothing can come after; `verify` tells more"
    )]
    Tampered {
        /// The tenant of the chain, as its column says: empty in the system scope.
        tenant: String,
    },
    /// The database failed.
    #[error("the activity log's database failed: {0}")]
    Database(#[from] sqlx::Error),
}

impl RecordError {
    /// Whether trying again cannot help.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Database(_))
    }
}
