//! The stores in SQLite and Postgres.

use std::sync::Arc;
use std::time::Duration;

use cqrs_core::log::{Store, Unit};
use cqrs_sql::{PostgresTransaction, SqlStore, SqlStoreBuilder, SqliteTransaction};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

use crate::harness::Harness;
use crate::support::LEASE;

pub(crate) fn options() -> SqlStoreBuilder {
    SqlStore::builder().lease(LEASE)
}

/// The store in an SQLite file.
pub(crate) struct Sqlite {
    directory: TempDir,
    store: SqlStore,
}

impl Sqlite {
    async fn open_in(directory: &TempDir) -> SqlStore {
        options().sqlite(directory.path().join("log.db")).await.unwrap()
    }

    pub(crate) async fn pool(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(self.directory.path().join("log.db"));
        SqlitePool::connect_with(options.busy_timeout(Duration::from_secs(10))).await.unwrap()
    }
}

impl Harness for Sqlite {
    type Transaction = SqliteTransaction;

    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Self::open_in(&directory).await;
        let this = Self { directory, store };
        let pool = this.pool().await;
        sqlx::query("CREATE TABLE notes (number INTEGER PRIMARY KEY, note TEXT NOT NULL)")
            .execute(&pool)
            .await
            .unwrap();
        this
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn another(&self) -> Arc<dyn Store> {
        Arc::new(Self::open_in(&self.directory).await)
    }

    async fn reopen(&mut self) {
        self.store = Self::open_in(&self.directory).await;
    }

    async fn write(&self, unit: &mut dyn Unit, note: &str) {
        let tx: &mut SqliteTransaction = unit.transaction().downcast_mut().unwrap();
        let query = sqlx::query("INSERT INTO notes (note) VALUES ($1)").bind(note);
        query.execute(&mut **tx).await.unwrap();
    }

    async fn notes(&self) -> Vec<String> {
        let query = sqlx::query_scalar("SELECT note FROM notes ORDER BY number");
        query.fetch_all(&self.pool().await).await.unwrap()
    }
}

/// The store in a schema of a Postgres database.
pub(crate) struct Postgres {
    pub(crate) schema: String,
    pub(crate) pool: PgPool,
    store: SqlStore,
}

/// The server of the activity log's tests: that of `DATABASE_URL`, one on this machine, or a private one.
#[path = "../../../cqrs-activity-log/tests/activity_log/database/server.rs"]
pub(crate) mod any_server;

pub(crate) fn url() -> String {
    any_server::url().to_owned()
}

impl Postgres {
    async fn open_in(schema: &str) -> SqlStore {
        options().schema(schema).postgres(&url()).await.unwrap()
    }
}

impl Harness for Postgres {
    type Transaction = PostgresTransaction;

    async fn open() -> Self {
        let schema = format!("test_{}", Uuid::now_v7().simple());
        let store = Self::open_in(&schema).await;
        let search_path = format!("SET search_path TO {schema}");
        let pool = PgPoolOptions::new().max_connections(2).after_connect(move |connection, _| {
            let search_path = search_path.clone();
            Box::pin(async move {
                sqlx::query(AssertSqlSafe(search_path)).execute(connection).await.map(drop)
            })
        });
        let pool = pool.connect(&url()).await.unwrap();
        sqlx::query("CREATE TABLE notes (number bigserial PRIMARY KEY, note text NOT NULL)")
            .execute(&pool)
            .await
            .unwrap();
        Self { schema, pool, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn another(&self) -> Arc<dyn Store> {
        Arc::new(Self::open_in(&self.schema).await)
    }

    async fn reopen(&mut self) {
        self.store = Self::open_in(&self.schema).await;
    }

    async fn write(&self, unit: &mut dyn Unit, note: &str) {
        let tx: &mut PostgresTransaction = unit.transaction().downcast_mut().unwrap();
        let insert = AssertSqlSafe(format!("INSERT INTO {}.notes (note) VALUES ($1)", self.schema));
        sqlx::query(insert).bind(note).execute(&mut **tx).await.unwrap();
    }

    async fn notes(&self) -> Vec<String> {
        let query = sqlx::query_scalar("SELECT note FROM notes ORDER BY number");
        query.fetch_all(&self.pool).await.unwrap()
    }
}

impl Drop for Postgres {
    /// Removes the schema, on a runtime of its own, because this one may be ending.
    fn drop(&mut self) {
        let remove = AssertSqlSafe(format!("DROP SCHEMA {} CASCADE", self.schema));
        let removing = async move {
            let pool = PgPool::connect(&url()).await.unwrap();
            sqlx::query(remove).execute(&pool).await.unwrap();
        };
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(removing);
        });
        thread.join().unwrap();
    }
}

mod sqlite {
    use super::{Harness as _, Sqlite, SqliteTransaction};
    use crate::{done_rows, scheduled};

    suite!(Sqlite);
    suite_of_units!(Sqlite);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_a_transactional_handler_schedules_happens_once() {
        let sqlite = Sqlite::open().await;
        scheduled::what_a_transactional_handler_schedules_happens_once::<SqliteTransaction>(sqlite)
            .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_done_row_of_an_owner_before_is_forgotten() {
        let sqlite = Sqlite::open().await;
        done_rows::a_done_row_of_an_owner_before_is_forgotten::<SqliteTransaction>(sqlite).await;
    }
}

mod postgres {
    use super::{Harness as _, Postgres, PostgresTransaction};
    use crate::{done_rows, scheduled};

    suite!(
        #[ignore = "slow: cargo test --workspace -- --include-ignored"]
        Postgres
    );
    suite_of_units!(
        #[ignore = "slow: cargo test --workspace -- --include-ignored"]
        Postgres
    );

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "slow: cargo test --workspace -- --include-ignored"]
    async fn what_a_transactional_handler_schedules_happens_once() {
        let store = Postgres::open().await;
        scheduled::what_a_transactional_handler_schedules_happens_once::<PostgresTransaction>(
            store,
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "slow: cargo test --workspace -- --include-ignored"]
    async fn a_done_row_of_an_owner_before_is_forgotten() {
        let store = Postgres::open().await;
        done_rows::a_done_row_of_an_owner_before_is_forgotten::<PostgresTransaction>(store).await;
    }
}
