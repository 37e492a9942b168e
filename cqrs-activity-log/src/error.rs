//! What can go wrong.

use std::path::PathBuf;

use cqrs_core::TenantScope;
use uuid::Uuid;

use crate::query::{InvalidCursor, InvalidFilter, InvalidLimit};
use crate::retention::Pruned;
use crate::store;

/// A log could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// `sqlite` takes a path.
    #[error("`{given}` is not the path of a file; {hint}")]
    NotAPath {
        /// What was given, without what may be a password in it.
        given: String,
        /// What to write instead.
        hint: &'static str,
    },
    /// The file would lie in a directory that is not there.
    #[error("the directory `{}` does not exist; create it first", .0.display())]
    DirectoryMissing(PathBuf),
    /// The file is there, and is something else.
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
        /// The newest version that is known here.
        known: i64,
    },
    /// The tables are not those that this crate makes.
    #[error("the activity log's tables cannot be brought up to date: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The tables are not there, or are those of an older version, and the role may not change that.
    #[error(
        "the activity log's tables have to be made or brought up to date, and this role may not do that: \
         open the log once with the role that owns them ({0})"
    )]
    MayNotMigrate(#[source] sqlx::Error),
    /// The database did not answer as it should.
    #[error("the activity log's database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
    /// An option has no sense.
    #[error("{0}")]
    InvalidOption(String),
}

/// Something could not be recorded. Nothing of it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The activity is not one that can be kept.
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
        /// How many are taken.
        limit: usize,
    },
    /// The end of the tenant's chain is not one that this crate has written, so nothing can be added to it.
    #[error(
        "the activity cannot be recorded: the chain of tenant `{tenant}` has been tampered with, since its \
         row in `activity_chains` has a head that nothing can come after; `verify` tells more"
    )]
    Tampered {
        /// Whose chain it is, as its column says: empty in the system scope.
        tenant: String,
    },
    /// The database did not do it.
    #[error("the activity log's database failed: {0}")]
    Database(#[from] sqlx::Error),
}

impl RecordError {
    /// Whether trying again cannot help.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Database(_))
    }

    /// Whether the database is away, busy or full, whatever is to be recorded.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Database(error) if store::is_passing(error))
    }

    /// Whether somebody else has held the chain for too long.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        matches!(self, Self::Database(error) if store::is_lock_timeout(error))
    }
}

/// The retention was applied to all tenants but some.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// These tenants could not be pruned; all others were.
    #[error("the retention could not be applied to {}", failures(.failed))]
    Tenants {
        /// What was removed.
        pruned: Pruned,
        /// The tenants, in their order, and why. What was removed of them before that is not counted.
        failed: Vec<(TenantScope, RecordError)>,
    },
    /// The tenants could not be read from the database. What was removed before that stays removed.
    #[error("the activity log's database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Names the first; there may be many.
fn failures(failed: &[(TenantScope, RecordError)]) -> String {
    let Some((tenant, error)) = failed.first() else { return "no tenant".to_owned() };
    match failed.len() - 1 {
        0 => format!("the tenant {tenant}: {error}"),
        more => format!("the tenant {tenant} and {more} more: {error}"),
    }
}

/// Something could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The database did not answer.
    #[error("the activity log's database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The filter has a value that cannot be meant.
    #[error(transparent)]
    Filter(#[from] InvalidFilter),
    /// A page cannot have so many entries.
    #[error(transparent)]
    Limit(#[from] InvalidLimit),
    /// The cursor cannot be gone on from.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The entry is not one that this crate has written: one of the columns that tell which entry it is, who
    /// did it and when has a value that it cannot have. Data and changes that cannot be read say so in the
    /// [`Entry`](crate::Entry) instead.
    #[error(
        "entry {id} of the activity log has been altered: its {column} cannot be read; `verify` tells more"
    )]
    Altered {
        /// Which entry.
        id: Uuid,
        /// Which of its columns.
        column: &'static str,
    },
}
