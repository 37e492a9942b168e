//! A database that one topic uses alone.

use std::sync::atomic::{AtomicU32, Ordering};

use cqrs_sql::SqlStore;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, SqlitePool};
use tempfile::TempDir;

use crate::Result;
use crate::floor::Floor;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    SqliteNormal,
    Postgres,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::SqliteNormal, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::SqliteNormal => "normal",
            Self::Postgres => "postgres",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite, synchronous = FULL",
            Self::SqliteNormal => "SQLite, synchronous = NORMAL",
            Self::Postgres => "Postgres, synchronous_commit = on",
        }
    }

    fn synchronous(self) -> SqliteSynchronous {
        if self == Self::Sqlite { SqliteSynchronous::Full } else { SqliteSynchronous::Normal }
    }
}

pub(crate) struct Database {
    pub(crate) kind: Kind,
    directory: TempDir,
    schema: String,
}

fn url() -> String {
    std::env::var("DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned())
}

impl Database {
    pub(crate) async fn create(kind: Kind) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let schema = format!("durable_bench_{}_{number}", std::process::id());
        if kind == Kind::Postgres {
            let create = format!("CREATE SCHEMA {schema}");
            PgConnection::connect(&url()).await?.execute(AssertSqlSafe(create)).await?;
        }
        Ok(Self { kind, directory: tempfile::tempdir()?, schema })
    }

    /// The server, with the schema of this database.
    fn url(&self) -> String {
        let url = url();
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}options=-c%20search_path%3D{}", self.schema)
    }

    pub(crate) async fn store(&self) -> Result<SqlStore> {
        let builder = SqlStore::builder();
        Ok(match self.kind {
            Kind::Postgres => builder.postgres(&self.url()).await?,
            kind => {
                let path = self.directory.path().join("app.db");
                builder.synchronous(kind.synchronous()).sqlite(path).await?
            }
        })
    }

    /// Plain tables; on SQLite in a file of their own.
    pub(crate) async fn floor(&self, connections: u32) -> Result<Floor> {
        self.tables("floor.db", connections).await
    }

    /// Plain tables in the database of the store, as those of its user.
    pub(crate) async fn users_tables(&self) -> Result<Floor> {
        self.tables("app.db", 2).await
    }

    async fn tables(&self, file: &str, connections: u32) -> Result<Floor> {
        let floor = if self.kind == Kind::Postgres {
            Floor::Postgres(self.postgres(connections).await?)
        } else {
            Floor::Sqlite(self.sqlite(file, 1).await?)
        };
        floor.create_tables().await?;
        Ok(floor)
    }

    /// Connections to the schema of this database.
    pub(crate) async fn postgres(&self, connections: u32) -> Result<PgPool> {
        let options = PgPoolOptions::new().max_connections(connections);
        Ok(options.connect(&self.url()).await?)
    }

    /// Connections to an SQLite file, as durable as the store.
    pub(crate) async fn sqlite(&self, file: &str, connections: u32) -> Result<SqlitePool> {
        let options = SqliteConnectOptions::new()
            .filename(self.directory.path().join(file))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(self.kind.synchronous())
            .row_buffer_size(250);
        let pool = SqlitePoolOptions::new().max_connections(connections);
        Ok(pool.connect_with(options).await?)
    }

    pub(crate) async fn drop(self) -> Result {
        if self.kind == Kind::Postgres {
            let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
            PgConnection::connect(&url()).await?.execute(AssertSqlSafe(drop)).await?;
        }
        Ok(())
    }
}
