//! The two databases behind one face.

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::Sqlite;
use sqlx::{AssertSqlSafe, Database as Driver};

use super::sql::{Arg, Columns, Statement};

/// The pools of a database.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    #[cfg(feature = "sqlite")]
    Sqlite {
        /// Of one connection, since SQLite has one writer.
        writer: sqlx::SqlitePool,
        readers: sqlx::SqlitePool,
    },
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
}

impl Database {
    /// Begins to write. In SQLite, nobody else writes until the end.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, .. } => {
                writer.begin_with("BEGIN IMMEDIATE").await.map(Transaction::Sqlite)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                // Whatever the server has as its default: who waits for a chain sees what was added.
                let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
                pool.begin_with(begin).await.map(Transaction::Postgres)
            }
        }
    }

    /// All rows of a statement that bounds their number.
    pub(crate) async fn fetch<T>(
        &self,
        statement: Statement,
        decode: fn(&dyn Columns) -> sqlx::Result<T>,
    ) -> sqlx::Result<Vec<T>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { readers, .. } => {
                let rows = sqlite_query(statement).fetch_all(readers).await?;
                rows.iter().map(|row| decode(row)).collect()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                let rows = postgres_query(statement).fetch_all(pool).await?;
                rows.iter().map(|row| decode(row)).collect()
            }
        }
    }

    /// Waits for all connections to be closed.
    pub(crate) async fn close(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Several statements of which all or none take effect. Dropped, none do.
#[derive(Debug)]
pub(crate) enum Transaction {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// Whether others may write at the same time.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => true,
        }
    }

    /// Says how many rows it has changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> sqlx::Result<u64> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => {
                Ok(sqlite_query(statement).execute(&mut **tx).await?.rows_affected())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => {
                Ok(postgres_query(statement).execute(&mut **tx).await?.rows_affected())
            }
        }
    }

    pub(crate) async fn fetch<T>(
        &mut self,
        statement: Statement,
        decode: fn(&dyn Columns) -> sqlx::Result<T>,
    ) -> sqlx::Result<Vec<T>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => {
                let rows = sqlite_query(statement).fetch_all(&mut **tx).await?;
                rows.iter().map(|row| decode(row)).collect()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => {
                let rows = postgres_query(statement).fetch_all(&mut **tx).await?;
                rows.iter().map(|row| decode(row)).collect()
            }
        }
    }

    /// Not cancel safe: dropped midway, it may have taken effect.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => tx.commit().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => tx.commit().await,
        }
    }

    /// Ends it without an effect, and waits for that.
    pub(crate) async fn roll_back(self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => tx.rollback().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => tx.rollback().await,
        }
    }
}

type Query<DB> = sqlx::query::Query<'static, DB, <DB as Driver>::Arguments>;

macro_rules! bind {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match arg {
                Arg::Text(text) => query.bind(text),
                Arg::Number(number) => query.bind(number),
                Arg::Id(id) => query.bind(id),
                Arg::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}

#[cfg(feature = "sqlite")]
fn sqlite_query(statement: Statement) -> Query<Sqlite> {
    bind!(sqlx::query(AssertSqlSafe(statement.sql)), statement.args)
}

#[cfg(feature = "postgres")]
fn postgres_query(statement: Statement) -> Query<Postgres> {
    bind!(sqlx::query(AssertSqlSafe(statement.numbered())), statement.args)
}
