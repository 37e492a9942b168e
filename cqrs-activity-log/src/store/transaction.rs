//! Writing: several statements that take effect together or not at all.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::chain_locks::ChainPermit;
use super::database::Database;
#[cfg(feature = "postgres")]
use super::database::postgres_query;
#[cfg(feature = "sqlite")]
use super::database::sqlite_query;
use super::sql::{Columns, Statement};

/// How long a connection may take to roll back before it is closed.
const ROLL_BACK_TIMEOUT: Duration = Duration::from_secs(30);

/// `READ COMMITTED`, whatever the server's default is: after waiting for a chain, a transaction sees what was
/// added to it. The wait for a lock is limited, because the process that holds it may hang. This also limits how
/// long a dropped statement keeps its connection.
#[cfg(feature = "postgres")]
const BEGIN_POSTGRES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5s'";

/// Several statements that take effect together or, if this is dropped before the commit, not at all.
///
/// Not sqlx's own transaction: that counts its depth, and the count is wrong after SQLite has rolled back by
/// itself, such as when the disk is full. Its connection could then never begin a transaction again.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// `None` once it has ended.
    open: Option<Open>,
}

/// Released in field order when the transaction ends.
#[derive(Debug)]
struct Open {
    connection: Connection,
    _permit: OwnedSemaphorePermit,
    _chains: ChainPermit,
}

#[derive(Debug)]
enum Connection {
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
}

impl Database {
    /// Waits until no other task of this process writes to the chains of these tenants, which must be sorted.
    pub(super) async fn acquire_chains(
        &self,
        tenants: impl Iterator<Item = &String>,
    ) -> sqlx::Result<ChainPermit> {
        match self.chain_locks() {
            Some(locks) => locks.acquire(tenants).await,
            None => Ok(ChainPermit::default()),
        }
    }

    /// Begins to write to the chains of the permit. In SQLite, this excludes all other writers.
    pub(super) async fn begin(&self, chains: ChainPermit) -> sqlx::Result<Transaction> {
        let (connection, permit, begin) = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writers, .. } => {
                let (connection, permit) = writers.acquire().await?;
                (Connection::Sqlite(connection), permit, "BEGIN IMMEDIATE")
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { writers, .. } => {
                let (connection, permit) = writers.acquire().await?;
                (Connection::Postgres(connection), permit, BEGIN_POSTGRES)
            }
        };
        // Set before the first await, so that a dropped future still rolls back.
        let open = Open { connection, _permit: permit, _chains: chains };
        let mut tx = Transaction { open: Some(open) };
        tx.connection()?.run(begin).await?;
        Ok(tx)
    }
}

impl Transaction {
    fn connection(&mut self) -> sqlx::Result<&mut Connection> {
        let open = self.open.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        Ok(&mut open.connection)
    }

    /// Whether other transactions may write at the same time.
    pub(super) fn is_shared(&self) -> bool {
        match self.open {
            #[cfg(feature = "postgres")]
            Some(Open { connection: Connection::Postgres(_), .. }) => true,
            _ => false,
        }
    }

    /// Returns how many rows were changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> sqlx::Result<u64> {
        match self.connection()? {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => {
                Ok(sqlite_query(statement).execute(&mut **connection).await?.rows_affected())
            }
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => {
                Ok(postgres_query(statement).execute(&mut **connection).await?.rows_affected())
            }
        }
    }

    /// Changes exactly this many rows of the table, or fails.
    pub(super) async fn change(
        &mut self,
        table: &'static str,
        rows: usize,
        statement: Statement,
    ) -> sqlx::Result<()> {
        match self.execute(statement).await? {
            changed if changed == rows as u64 => Ok(()),
            changed => Err(self.not_written(table, changed, rows)),
        }
    }

    pub(crate) async fn fetch<T>(
        &mut self,
        statement: Statement,
        decode: fn(&dyn Columns) -> sqlx::Result<T>,
    ) -> sqlx::Result<Vec<T>> {
        match self.connection()? {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => {
                let rows = sqlite_query(statement).fetch_all(&mut **connection).await?;
                rows.iter().map(|row| decode(row)).collect()
            }
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => {
                let rows = postgres_query(statement).fetch_all(&mut **connection).await?;
                rows.iter().map(|row| decode(row)).collect()
            }
        }
    }

    /// The error of a statement that wrote fewer or more rows than it should. The connection is closed, because
    /// Postgres would use the prepared statement again, even after the rule was removed.
    pub(super) fn not_written(
        &mut self,
        table: &'static str,
        written: u64,
        expected: usize,
    ) -> sqlx::Error {
        if let Some(open) = &mut self.open {
            open.connection.close_on_drop();
        }
        sqlx::Error::Protocol(format!(
            "{written} of {expected} rows of `{table}` were written; a rule or a trigger of that table is in \
             the way: remove it"
        ))
    }

    /// Not cancel safe: if the future is dropped, the transaction may have taken effect.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        self.end("COMMIT").await
    }

    /// Ends it without an effect, and waits for that.
    pub(crate) async fn roll_back(self) -> sqlx::Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> sqlx::Result<()> {
        self.connection()?.run(how).await?;
        // The connection is clean and goes back to its pool.
        self.open = None;
        Ok(())
    }
}

impl Drop for Transaction {
    /// Rolls back in the background, after a statement that may still be running. If that does not succeed, the
    /// connection is closed.
    fn drop(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let Ok(runtime) = Handle::try_current() else {
            // Without a runtime, closing the connection makes the database roll back.
            open.connection.detach();
            return;
        };
        runtime.spawn(async move {
            let rolling_back =
                tokio::time::timeout(ROLL_BACK_TIMEOUT, open.connection.run("ROLLBACK"));
            if !matches!(rolling_back.await, Ok(Ok(()))) {
                open.connection.close_on_drop();
            }
        });
    }
}

impl Connection {
    async fn run(&mut self, sql: &'static str) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                sqlx::raw_sql(sql).execute(&mut **connection).await?;
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                sqlx::raw_sql(sql).execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Closes the connection at once, without its pool.
    fn detach(self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => drop(connection.detach()),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => drop(connection.detach()),
        }
    }

    fn close_on_drop(&mut self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => connection.close_on_drop(),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.close_on_drop(),
        }
    }
}
