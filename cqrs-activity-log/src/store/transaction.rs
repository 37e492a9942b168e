//! Writing: several statements of which all or none take effect.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::database::Database;
#[cfg(feature = "postgres")]
use super::database::postgres_query;
#[cfg(feature = "sqlite")]
use super::database::sqlite_query;
use super::sql::{Columns, Statement};
use super::turns::Turn;

/// How long a connection may take to give up what it was doing, before it is thrown away.
const ROLL_BACK_TIMEOUT: Duration = Duration::from_secs(30);

/// At `READ COMMITTED`, whatever the server has as its default: who waits for a chain sees what was added.
/// No lock is waited for longer than that, since who holds it may stand still; a dropped statement holds
/// its connection no longer either.
#[cfg(feature = "postgres")]
const BEGIN_POSTGRES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5s'";

/// Several statements of which all or none take effect. Dropped, none do.
///
/// sqlx's own transactions count how deep they are, and are wrong about it after SQLite has rolled back by
/// itself, as it does when the disk is full: such a connection would never begin again.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// `None` once it has ended.
    open: Option<Open>,
}

/// What it has until it has ended, given back in this order.
#[derive(Debug)]
struct Open {
    connection: Connection,
    _seat: OwnedSemaphorePermit,
    _turn: Turn,
}

#[derive(Debug)]
enum Connection {
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
}

impl Database {
    /// Waits for the turn at the chains of these tenants, which come in their order.
    pub(super) async fn turn(&self, tenants: impl Iterator<Item = &String>) -> sqlx::Result<Turn> {
        match self.turns() {
            Some(turns) => turns.take(tenants).await,
            None => Ok(Turn::default()),
        }
    }

    /// Begins to write, at chains where it is this one's turn. In SQLite, nobody else writes until the
    /// end.
    pub(super) async fn begin(&self, turn: Turn) -> sqlx::Result<Transaction> {
        let (connection, seat, begin) = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writers, .. } => {
                let (connection, seat) = writers.acquire().await?;
                (Connection::Sqlite(connection), seat, "BEGIN IMMEDIATE")
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { writers, .. } => {
                let (connection, seat) = writers.acquire().await?;
                (Connection::Postgres(connection), seat, BEGIN_POSTGRES)
            }
        };
        // First, so that what fails here or is dropped is ended as well.
        let mut tx = Transaction { open: Some(Open { connection, _seat: seat, _turn: turn }) };
        tx.connection()?.run(begin).await?;
        Ok(tx)
    }
}

impl Transaction {
    fn connection(&mut self) -> sqlx::Result<&mut Connection> {
        let open = self.open.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        Ok(&mut open.connection)
    }

    /// Whether others may write at the same time.
    pub(super) fn is_shared(&self) -> bool {
        match self.open {
            #[cfg(feature = "postgres")]
            Some(Open { connection: Connection::Postgres(_), .. }) => true,
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

    /// Changes as many rows of the table as are meant, or fails.
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

    /// The database has done less than it was told, or more. The connection is not used again: Postgres
    /// would go on by what it has prepared, even when the rule is gone.
    pub(super) fn not_written(
        &mut self,
        table: &'static str,
        written: u64,
        meant: usize,
    ) -> sqlx::Error {
        if let Some(open) = &mut self.open {
            open.connection.throw_away();
        }
        sqlx::Error::Protocol(format!(
            "{written} of {meant} rows of `{table}` were written; a rule or a trigger of that table is in \
             the way: remove it"
        ))
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
        self.open = None;
        Ok(())
    }
}

impl Drop for Transaction {
    /// What failed or was given up is rolled back in the background, after the statement that may still be
    /// running. A connection of which that cannot be said for certain is not used again.
    fn drop(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let Ok(runtime) = Handle::try_current() else {
            // Nobody is there to roll it back: closed at once, the database does.
            open.connection.detach();
            return;
        };
        runtime.spawn(async move {
            let rolling_back =
                tokio::time::timeout(ROLL_BACK_TIMEOUT, open.connection.run("ROLLBACK"));
            if !matches!(rolling_back.await, Ok(Ok(()))) {
                open.connection.throw_away();
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

    /// Closes it here and now, without its pool.
    fn detach(self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => drop(connection.detach()),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => drop(connection.detach()),
        }
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
