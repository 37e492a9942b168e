//! Why a store cannot be opened.

use std::path::PathBuf;

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// `sqlite` takes the path of a file.
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
    /// The schema or the prefix of the tables cannot be used.
    #[error(
        "`{0}` cannot be used in the names of tables: use letters, digits and `_`, at most 40 of them, and no \
         digit at the start"
    )]
    InvalidName(String),
    /// There is no schema for the tables.
    #[error(
        "the role has no schema for the tables: name one with `SqlStore::builder().schema(..)`, or set the \
         role's `search_path`"
    )]
    NoSchema,
    /// A log has 1 to 1024 shards.
    #[error("a log cannot have {0} shards: choose a number from 1 to 1024")]
    InvalidShards(u16),
    /// The number of shards is chosen once, when the tables are made.
    #[error(
        "the log in this database has {stored} shards, and {wanted} were asked for: remove \
         `shards({wanted})`, or start with empty tables"
    )]
    OtherShards {
        /// How many the log has.
        stored: u16,
        /// How many were asked for.
        wanted: u16,
    },
    /// A newer version of this crate has migrated the database.
    #[error(
        "the database has version {found} of the log's tables, which a newer version of this program has \
         made; this one knows versions up to {known}: run the newer program"
    )]
    NewerSchema {
        /// The version that was found.
        found: i64,
        /// The newest version that this build knows.
        known: i64,
    },
    /// The tables are missing or of an older version, and the role has no right to change that.
    #[error(
        "the log's tables have to be made or brought up to date, and this role may not do that: open the \
         store once with the role that owns them ({0})"
    )]
    MayNotMigrate(#[source] sqlx::Error),
    /// SQLite has no roles.
    #[error("SQLite has no row-level security: remove `row_level_security(..)`, or use Postgres")]
    NoRowLevelSecurity,
    /// A store handles the events of all tenants, and its role does not see them.
    #[error(
        "the log's tables have row-level security, and the role `{role}` does not see the events of all tenants: \
         open the store once with the role that owns the tables and with \
         `SqlStore::builder().row_level_security(\"{role}\")`"
    )]
    SeesOneTenant {
        /// The role with which the store connects.
        role: String,
    },
    /// The database failed.
    #[error("the log's database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
}
