//! A transaction.

use sqlx::{Postgres, Sqlite, Transaction};

use super::{DbError, Row, Value, sql};

/// A transaction that writes. Dropped without [`commit`](Self::commit), it has done nothing.
#[derive(Debug)]
pub enum Tx {
    #[doc(hidden)]
    Sqlite(Transaction<'static, Sqlite>),
    #[doc(hidden)]
    Postgres(Transaction<'static, Postgres>),
}

#[allow(clippy::missing_errors_doc)] // All alike: the database refuses, or is gone.
impl Tx {
    /// A statement that writes; how many rows it changed.
    pub async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, DbError> {
        Ok(match self {
            Self::Sqlite(tx) => sql::sqlite(sql, values).execute(&mut **tx).await?.rows_affected(),
            Self::Postgres(tx) => {
                sql::postgres(sql, values).execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    /// All rows of a `SELECT`, as this transaction sees them.
    pub async fn rows(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, DbError> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let rows = sql::sqlite(sql, values).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(tx) => {
                let rows = sql::postgres(sql, values).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of a `SELECT`, if there is one.
    pub async fn row(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// As [`row`](Self::row), and nobody else changes that row until the transaction ends. The statement
    /// is a `SELECT` without a `FOR` of its own.
    pub async fn lock(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<Row>, DbError> {
        match self {
            // `BEGIN IMMEDIATE` has locked everything.
            Self::Sqlite(_) => self.row(sql, values).await,
            Self::Postgres(tx) => {
                let row = sql::postgres_locking(sql, values).fetch_optional(&mut **tx).await?;
                Ok(row.map(Row::Postgres))
            }
        }
    }

    /// Makes all of it last.
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
