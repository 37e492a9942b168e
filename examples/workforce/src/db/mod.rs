//! The database: `SQLite` or Postgres, the same SQL for both.
//!
//! Statements are written once, in what both understand, with `?` for parameters. Conventions: a table
//! has a column `tenant`, first in its primary key, and every statement filters by it; identifiers are
//! TEXT, times BIGINT (microseconds since 1970), sums are `CAST(SUM(..) AS BIGINT)`.

mod error;
mod inbox;
mod migrations;
mod open;
mod row;
mod sql;
mod tx;
mod value;

use sqlx::{PgPool, SqlitePool};

pub use self::error::{DbError, OpenError};
pub use self::row::Row;
pub use self::tx::Tx;
pub use self::value::{Value, now};

pub(crate) use self::open::{shown, sqlite_file};
pub(crate) use self::value::params;

/// A pool of connections. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Db(Pools);

#[derive(Debug, Clone)]
enum Pools {
    /// `SQLite` has one writer at a time; a pool of one lets writers queue instead of failing as busy.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

impl Db {
    /// All rows of a `SELECT`.
    ///
    /// # Errors
    ///
    /// [`DbError`] when the database refuses or cannot be reached within ten seconds.
    pub async fn rows(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, DbError> {
        Ok(match &self.0 {
            Pools::Sqlite { read, .. } => {
                let rows = sql::sqlite(sql, values).fetch_all(read).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Pools::Postgres(pool) => {
                let rows = sql::postgres(sql, values).fetch_all(pool).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of a `SELECT`, if there is one.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    pub async fn row(&self, sql: &'static str, values: Vec<Value>) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Begins a transaction that will write. Do not execute a command or publish an event while it is
    /// open: on `SQLite` everybody else who writes waits for it.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    pub async fn begin(&self) -> Result<Tx, DbError> {
        Ok(match &self.0 {
            Pools::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// One statement that writes, in a transaction of its own; how many rows it changed.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    pub async fn execute(&self, sql: &'static str, values: Vec<Value>) -> Result<u64, DbError> {
        let mut tx = self.begin().await?;
        let changed = tx.execute(sql, values).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}
