//! A database of each kind for every test.

mod server;

use std::fmt::Write as _;
use std::future::Future;

use cqrs_activity_log::{ActivityLog, OpenError, Options};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{
    AssertSqlSafe, Column as _, PgPool, Row as _, SqlitePool, TypeInfo as _, ValueRef as _,
};
use tempfile::TempDir;

/// Makes each function a test of its name on SQLite, and one on Postgres, which counts as slow. After
/// `slow;` both do.
macro_rules! on_each_database {
    (@one [$($slow:meta)?] $(#[$doc:meta])* $name:ident $db:ident $body:block) => {
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($db: &$crate::database::Db) $body

            #[test]
            $(#[$slow])?
            fn sqlite() {
                $crate::database::run_on_sqlite(test);
            }

            #[test]
            #[ignore = "slow: cargo test --workspace -- --include-ignored"]
            fn postgres() {
                $crate::database::run_on_postgres(test);
            }
        }
    };
    (slow; $($(#[$doc:meta])* async fn $name:ident($db:ident) $body:block)*) => {$(
        $crate::database::on_each_database! {
            @one [ignore = "slow: cargo test --workspace -- --include-ignored"]
            $(#[$doc])* $name $db $body
        }
    )*};
    ($($(#[$doc:meta])* async fn $name:ident($db:ident) $body:block)*) => {$(
        $crate::database::on_each_database! { @one [] $(#[$doc])* $name $db $body }
    )*};
}
pub(crate) use on_each_database;

/// An empty database of one test, to which the test can also write without the activity log.
#[derive(Debug)]
pub(crate) enum Db {
    Sqlite { directory: TempDir, pool: SqlitePool },
    Postgres { url: String, schema: String, pool: PgPool },
}

pub(crate) fn run_on_sqlite(test: impl AsyncFnOnce(&Db)) {
    runtime().block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(directory.path().join("activity.db"))
            .create_if_missing(true)
            .busy_timeout(std::time::Duration::from_secs(15));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options);
        let db = Db::Sqlite { directory, pool };
        test(&db).await;
    });
}

pub(crate) fn run_on_postgres(test: impl AsyncFnOnce(&Db)) {
    let url = server::url();
    runtime().block_on(async {
        let db = Db::postgres(url).await;
        let outcome = caught(test(&db)).await;
        db.drop_schema().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn caught(test: impl Future<Output = ()>) -> std::thread::Result<()> {
    use futures_util::FutureExt as _;
    std::panic::AssertUnwindSafe(test).catch_unwind().await
}

impl Db {
    async fn postgres(server: &str) -> Self {
        let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
        let admin = PgPool::connect(server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
            .execute(&admin)
            .await
            .unwrap();
        admin.close().await;
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
        let options: PgConnectOptions = url.parse().unwrap();
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
        Self::Postgres { url, schema, pool }
    }

    async fn drop_schema(&self) {
        if let Self::Postgres { schema, pool, .. } = self {
            let sql = format!("DROP SCHEMA {schema} CASCADE");
            // Other connections may still read or write.
            let drop = || sqlx::query(AssertSqlSafe(sql.clone())).execute(pool);
            if drop().await.is_err() {
                drop().await.unwrap();
            }
        }
    }

    /// The log in this database.
    pub(crate) async fn open(&self) -> ActivityLog {
        self.open_with(ActivityLog::options()).await.unwrap()
    }

    pub(crate) async fn open_with(&self, options: Options) -> Result<ActivityLog, OpenError> {
        match self {
            Self::Sqlite { .. } => options.sqlite(self.address()).await,
            Self::Postgres { .. } => options.postgres(&self.address()).await,
        }
    }

    /// The path or URL.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Sqlite { directory, .. } => {
                directory.path().join("activity.db").to_str().unwrap().to_owned()
            }
            Self::Postgres { url, .. } => url.clone(),
        }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    /// Runs statements without the log.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        Ok(match self {
            Self::Sqlite { pool, .. } => sql.execute(pool).await?.rows_affected(),
            Self::Postgres { pool, .. } => sql.execute(pool).await?.rows_affected(),
        })
    }

    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        self.try_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// One number.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite { pool, .. } => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Self::Postgres { pool, .. } => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    /// Removes the triggers, as the owner of the database can.
    pub(crate) async fn drop_triggers(&self) {
        let triggers = [
            ("activity_entries", "refuse_update"),
            ("activity_entries", "refuse_delete"),
            ("activity_chains", "refuse_delete"),
            ("activity_chains", "refuse_going_back"),
        ];
        for (table, trigger) in triggers {
            let on = if self.is_sqlite() { String::new() } else { format!(" ON {table}") };
            self.execute(&format!("DROP TRIGGER {table}_{trigger}{on}")).await;
        }
        if self.is_sqlite() {
            self.execute("DROP TRIGGER activity_entries_refuse_replace").await;
        }
    }

    /// Every value of every column of the entries, as text.
    pub(crate) async fn dump(&self) -> String {
        let select = "SELECT * FROM activity_entries ORDER BY tenant, sequence";
        let mut dump = String::new();
        match self {
            Self::Sqlite { pool, .. } => {
                for row in sqlx::query(select).fetch_all(pool).await.unwrap() {
                    for column in row.columns() {
                        let value = row.try_get_raw(column.ordinal()).unwrap();
                        if value.type_info().name() == "TEXT" {
                            let text: &str = row.try_get(column.ordinal()).unwrap();
                            writeln!(dump, "{}: {text}", column.name()).unwrap();
                        }
                    }
                }
            }
            Self::Postgres { pool, .. } => {
                for row in sqlx::query(select).fetch_all(pool).await.unwrap() {
                    for column in row.columns() {
                        let value = row.try_get_raw(column.ordinal()).unwrap();
                        if value.type_info().name() == "TEXT" && !value.is_null() {
                            let text: &str = row.try_get(column.ordinal()).unwrap();
                            writeln!(dump, "{}: {text}", column.name()).unwrap();
                        }
                    }
                }
            }
        }
        dump
    }
}
