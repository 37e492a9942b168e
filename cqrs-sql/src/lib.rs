//! A durable log of events for `cqrs-core`, in SQLite (feature `sqlite`, the default) or Postgres (feature
//! `postgres`).
//!
//! [`SqlStore`] opens a database, makes its tables, and implements the contract in [`cqrs_core::log`]: the log, the
//! progress of subscriptions, and transactions in which users write.
//!
//! ```
//! use cqrs_core::log::{Entry, EventLog as _, Position};
//! use cqrs_sql::SqlStore;
//!
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("app.db");
//! let store = SqlStore::sqlite(path).await?;
//! store.append(&[Entry::default()]).await?;
//! let events = store.read(Position::START, 100).await?;
//! # assert!(events.is_empty());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! **Positions** are numbers without holes, in the order of commits. An append takes a lock, gives the next numbers,
//! and keeps the lock until its commit. So a reader that has seen a position has seen all below it. There is no
//! sequence: a dump and a restore, or a failover, need no care.
//!
//! **Transactions of users** never wait for that lock on Postgres: [`SqlStore::publish_in`] writes into an outbox
//! table, and the next append or read moves what has committed into the log. SQLite has one writer at a time, so there
//! it writes into the log at once.

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("cqrs-sql keeps its events in a database: switch on `sqlite` or `postgres`");

// In the order of reading: each module imports only modules above it.
mod error; // why a store cannot be opened
mod codes; // what error codes mean
mod names; // the names of tables, the text of statements
mod transaction; // a short transaction of the store's own
mod convert; // numbers of the contract and of the databases
mod migrations; // bringing the tables up to date
mod lowest; // the lowest checkpoint of a subscription, in SQL
mod options; // what can be chosen when a store is opened
mod expected; // news that is expected after a transaction of a user
mod backend; // what each database does in its own way
#[cfg(feature = "sqlite")]
mod sqlite; // the store in SQLite
#[cfg(feature = "postgres")]
mod postgres; // the store in Postgres
mod store; // the store, in either database
mod builder; // opening a store
mod publish_in; // publishing in the user's own transaction

pub use self::builder::SqlStoreBuilder;
pub use self::error::OpenError;
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresTransaction, set_tenant};
pub use self::publish_in::{PublishIn, PublishInError};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteTransaction;
pub use self::store::{SqlDatabase, SqlStore};
