//! Writing: several statements of which all or none take effect.

use std::time::Duration;

use sqlx::pool::PoolConnection;

use super::database::Database;
#[cfg(feature = "postgres")]
use super::database::postgres_query;
#[cfg(feature = "sqlite")]
use super::database::sqlite_query;
use super::sql::{Columns, Statement};

/// How long a connection may take to give up what it was doing, before it is thrown away.
const ROLL_BACK_TIMEOUT: Duration = Duration::from_secs(30);

/// Several statements of which all or none take effect. Dropped, none do.
///
/// sqlx's own transactions count how deep they are, and are wrong about it after SQLite has rolled back by
/// itself, as it does when the disk is full: such a connection would never begin again.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// `None` once it has ended.
    connection: Option<Connection>,
}

#[derive(Debug)]
enum Connection {
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
}

impl Database {
    /// Begins to write. In SQLite, nobody else writes until the end.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction> {
        let (connection, begin) = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, .. } => {
                (Connection::Sqlite(writer.acquire().await?), "BEGIN IMMEDIATE")
            }
            // Whatever the server has as its default: who waits for a chain sees what was added.
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => (
                Connection::Postgres(pool.acquire().await?),
                "BEGIN ISOLATION LEVEL READ COMMITTED",
            ),
        };
        // First, so that what fails here or is dropped is ended as well.
        let mut tx = Transaction { connection: Some(connection) };
        tx.connection()?.run(begin).await?;
        Ok(tx)
    }
}

impl Transaction {
    fn connection(&mut self) -> sqlx::Result<&mut Connection> {
        self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    /// Whether others may write at the same time.
    pub(super) fn is_shared(&self) -> bool {
        match self.connection {
            #[cfg(feature = "postgres")]
            Some(Connection::Postgres(_)) => true,
            _ => false,
        }
    }

    /// Says how many rows it has changed.
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

    /// Not cancel safe: dropped midway, it may have taken effect.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        self.end("COMMIT").await
    }

    /// Ends it without an effect, and waits for that.
    pub(crate) async fn roll_back(self) -> sqlx::Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> sqlx::Result<()> {
        self.connection()?.run(how).await?;
        // In order: it goes back to its pool as it is.
        self.connection = None;
        Ok(())
    }
}

impl Drop for Transaction {
    /// What failed or was given up is rolled back in the background, after the statement that may still be
    /// running. A connection of which that cannot be said for certain is not used again.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        tokio::spawn(async move {
            let rolling_back = tokio::time::timeout(ROLL_BACK_TIMEOUT, connection.run("ROLLBACK"));
            if !matches!(rolling_back.await, Ok(Ok(()))) {
                connection.throw_away();
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

    fn throw_away(&mut self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => connection.close_on_drop(),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.close_on_drop(),
        }
    }
}
