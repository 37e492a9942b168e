//! The pools of either database, and how a statement is run on them.

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::Sqlite;
use sqlx::{AssertSqlSafe, Database as Driver};

use super::chain_locks::ChainLocks;
use super::sql::{Arg, Columns, Statement};
use super::writers::Writers;

/// The pools of a database. Readers and writers do not wait for each other.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    #[cfg(feature = "sqlite")]
    Sqlite {
        /// One at a time, because SQLite has one writer.
        writers: Writers<Sqlite>,
        readers: sqlx::SqlitePool,
    },
    #[cfg(feature = "postgres")]
    Postgres { writers: Writers<Postgres>, readers: sqlx::PgPool, locks: ChainLocks },
}

impl Database {
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
            Self::Postgres { readers, .. } => {
                let rows = postgres_query(statement).fetch_all(readers).await?;
                rows.iter().map(|row| decode(row)).collect()
            }
        }
    }

    /// The locks of chains. SQLite needs none, because all its writers wait for each other.
    #[allow(clippy::unnecessary_wraps, reason = "with one database alone")]
    pub(super) fn chain_locks(&self) -> Option<&ChainLocks> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => None,
            #[cfg(feature = "postgres")]
            Self::Postgres { locks, .. } => Some(locks),
        }
    }

    /// Closes all connections, and waits for that.
    pub(crate) async fn close(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writers, readers } => {
                readers.close().await;
                writers.close().await;
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { writers, readers, .. } => {
                readers.close().await;
                writers.close().await;
            }
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
pub(super) fn sqlite_query(statement: Statement) -> Query<Sqlite> {
    bind!(sqlx::query(AssertSqlSafe(statement.sql)), statement.args)
}

#[cfg(feature = "postgres")]
pub(super) fn postgres_query(statement: Statement) -> Query<Postgres> {
    bind!(sqlx::query(AssertSqlSafe(statement.numbered())), statement.args)
}
