//! The tables, in SQLite or Postgres: one schema, and one text for each statement.

mod sql; // statements and rows of both databases
mod row; // the columns of an entry
mod hash; // the hash of an entry
mod link; // an entry as the next one refers to it
mod order; // in which order entries are read
mod codes; // what error codes mean
mod migrations;
mod chain_locks; // one task at a time writes to a chain
mod writers; // the connections that write
mod database; // the pools
#[cfg(feature = "sqlite")]
mod sqlite; // opening SQLite
#[cfg(feature = "postgres")]
mod postgres; // opening Postgres
mod transaction;
mod settings;
mod read; // reading entries
mod chains; // reading chains
mod append; // adding to chains
mod prune; // removing the beginning of a chain

pub(crate) use self::chains::Found;
pub(crate) use self::codes::{is_lock_timeout, is_transient};
pub(crate) use self::database::Database;
pub(crate) use self::hash::Hasher;
pub(crate) use self::link::Link;
pub use self::order::Order;
#[cfg(feature = "postgres")]
pub(crate) use self::postgres::{open_postgres, open_postgres_pool};
pub(crate) use self::read::{Candidate, Conditions};
pub(crate) use self::row::{AlteredColumn, Row};
pub(crate) use self::sql::{Arg, Statement};
#[cfg(feature = "sqlite")]
pub(crate) use self::sqlite::{open_sqlite, open_sqlite_pool};
