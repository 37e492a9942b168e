//! Where the events are, and beside them what the handlers note.

use std::path::PathBuf;
use std::time::Duration;

use cqrs_sql::SqlStore;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use uuid::Uuid;

/// Without unique constraints, so that what happens twice is seen.
const TABLES: &str = "
    CREATE TABLE notes
        ({number}, handler text NOT NULL, counter bigint NOT NULL, event bigint NOT NULL, source bigint NOT NULL);
    CREATE TABLE orders (counter bigint NOT NULL, event bigint NOT NULL);
";

pub(crate) const INSERT_NOTE: &str =
    "INSERT INTO notes (handler, counter, event, source) VALUES ($1, $2, $3, $4)";
pub(crate) const INSERT_ORDER: &str = "INSERT INTO orders (counter, event) VALUES ($1, $2)";

/// Which store.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// Where a database is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres { url: String, schema: String },
}

/// Connections of the handlers' own.
#[derive(Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Runs the same code with a pool of either database.
macro_rules! with_pool {
    ($of:expr, $pool:ident => $code:expr) => {
        match $of {
            Pool::Sqlite($pool) => $code,
            Pool::Postgres($pool) => $code,
        }
    };
}

impl Address {
    /// A new database, with all tables.
    pub(crate) async fn create(kind: Kind) -> Self {
        let name = format!("kills_{}", Uuid::now_v7().simple());
        let (address, number) = match kind {
            Kind::Sqlite => {
                let directory = std::env::temp_dir().join(name);
                std::fs::create_dir(&directory).expect("a temporary directory");
                let address = Self::Sqlite(directory.join("events.db"));
                (address, "number INTEGER PRIMARY KEY AUTOINCREMENT")
            }
            Kind::Postgres => {
                let default = || "postgres://postgres@127.0.0.1:5432/test".to_owned();
                let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| default());
                // Users write into tables of this schema without its name.
                let url = format!("{url}?options[search_path]={name}");
                (Self::Postgres { url, schema: name }, "number bigserial PRIMARY KEY")
            }
        };
        address.store().await.close().await;
        let tables = AssertSqlSafe(TABLES.replace("{number}", number));
        let pool = address.pool().await;
        with_pool!(&pool, pool => sqlx::raw_sql(tables).execute(pool).await.map(drop))
            .expect("the tables are new");
        pool.close().await;
        address
    }

    pub(crate) async fn remove(self) {
        match self {
            Self::Sqlite(path) => {
                let directory = path.parent().expect("it is in a directory of its own");
                std::fs::remove_dir_all(directory).expect("the directory is there");
            }
            Self::Postgres { url, schema } => {
                let pool = PgPool::connect(&url).await.expect("the database is there");
                let drop = AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"));
                sqlx::query(drop).execute(&pool).await.expect("the schema is there");
            }
        }
    }

    pub(crate) async fn store(&self) -> SqlStore {
        let builder = SqlStore::builder();
        match self {
            // A process that is killed leaves what it has written to the system, so no commit waits for the disk.
            Self::Sqlite(path) => builder.synchronous(SqliteSynchronous::Normal).sqlite(path).await,
            Self::Postgres { url, schema } => builder.schema(schema).postgres(url).await,
        }
        .expect("the database can be opened")
    }

    pub(crate) async fn pool(&self) -> Pool {
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(Duration::from_secs(30))
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal);
                let pool = SqlitePoolOptions::new().max_connections(2);
                Pool::Sqlite(pool.connect_with(options).await.expect("the file is there"))
            }
            Self::Postgres { url, schema } => {
                let pool = PgPoolOptions::new().max_connections(4);
                Pool::Postgres(pool.connect(url).await.expect("the database is there"))
            }
        }
    }
}

impl Pool {
    /// Notes that `handler` has handled an event.
    pub(crate) async fn note(
        &self,
        handler: &str,
        counter: i64,
        event: i64,
        source: i64,
    ) -> sqlx::Result<()> {
        with_pool!(self, pool => {
            let query = sqlx::query(INSERT_NOTE).bind(handler).bind(counter).bind(event).bind(source);
            query.execute(pool).await.map(drop)
        })
    }

    /// The numbers and texts of a query.
    pub(crate) async fn rows<const TEXTS: usize, const NUMBERS: usize>(
        &self,
        query: &'static str,
    ) -> Vec<([String; TEXTS], [i64; NUMBERS])> {
        with_pool!(self, pool => {
            let rows = sqlx::query(query).fetch_all(pool).await.expect("the tables are there");
            let row = |row: &_| {
                let texts = std::array::from_fn(|at| sqlx::Row::get(row, at));
                (texts, std::array::from_fn(|at| sqlx::Row::get(row, TEXTS + at)))
            };
            rows.iter().map(row).collect()
        })
    }

    pub(crate) async fn close(&self) {
        with_pool!(self, pool => pool.close().await);
    }
}
