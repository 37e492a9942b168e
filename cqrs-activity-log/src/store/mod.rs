//! Where the entries are: SQLite or Postgres, with the same tables and the same statements.

mod append;
mod chain;
mod database;
mod migrations;
mod passing;
#[cfg(feature = "postgres")]
mod postgres;
mod prune;
mod read;
mod row;
mod settings;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod transaction;
mod turns;
mod writers;

pub(crate) use self::chain::{Found, Link, scope};
pub(crate) use self::database::Database;
pub(crate) use self::passing::{is_lock_timeout, is_passing};
#[cfg(feature = "postgres")]
pub(crate) use self::postgres::{open_postgres, open_postgres_pool};
pub(crate) use self::read::Conditions;
pub use self::read::Order;
pub(crate) use self::row::Row;
pub(crate) use self::sql::{Arg, Statement};
#[cfg(feature = "sqlite")]
pub(crate) use self::sqlite::{open_sqlite, open_sqlite_pool};
