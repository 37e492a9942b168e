use std::time::{Duration, Instant};

use cqrs_core::log::{Entry, EventLog as _, LogEvent, LoggedEvent, Node, Position};
use cqrs_sql::{SqlStore, SqlStoreBuilder};
use sqlx::PgPool;
use tempfile::TempDir;
use uuid::Uuid;

/// The server of the activity log's tests: that of `DATABASE_URL`, one on this machine, or a private one.
#[path = "../../../cqrs-activity-log/tests/activity_log/database/server.rs"]
mod any_server;

pub(crate) fn url() -> String {
    any_server::url().to_owned()
}

/// A database of a test's own. It is removed in the end.
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres(Schema),
}

pub(crate) struct Schema {
    pub(crate) name: String,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(Schema { name: format!("test_{}", Uuid::now_v7().simple()) })
    }

    pub(crate) async fn open(&self) -> SqlStore {
        self.open_with(SqlStore::builder()).await.expect("the store opens")
    }

    pub(crate) async fn open_with(
        &self,
        options: SqlStoreBuilder,
    ) -> Result<SqlStore, cqrs_sql::OpenError> {
        match self {
            Self::Sqlite(directory) => options.sqlite(directory.path().join("log.db")).await,
            Self::Postgres(schema) => options.schema(&schema.name).postgres(&url()).await,
        }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        execute_in_the_end(format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.name));
    }
}

/// Removes what a test has made in Postgres.
pub(crate) fn execute_in_the_end(sql: String) {
    let removing = async move {
        let pool = PgPool::connect(&url()).await.expect("Postgres");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.expect("removed");
    };
    // A runtime of its own, because this one may be ending.
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(removing);
    });
    thread.join().expect("it is removed");
}

/// An event of an entity; `number` says how many of that entity were before.
pub(crate) fn event(entity: u32, number: u32) -> LogEvent {
    LogEvent {
        id: Uuid::now_v7(),
        name: "Counted".into(),
        version: 1,
        shard: 3,
        key: Some(u64::from(entity)),
        tenant: Some("acme".into()),
        entity: Some("Entity".into()),
        entity_id: Some(entity.to_string()),
        context: r#"{"tenant":"acme"}"#.into(),
        payload: format!(r#"{{"number":{number}}}"#),
    }
}

pub(crate) fn entry(events: Vec<LogEvent>) -> Entry {
    Entry { events, ..Entry::default() }
}

pub(crate) fn node(ttl: Duration) -> Node {
    Node { id: Uuid::now_v7(), ttl, about: "test".into() }
}

pub(crate) async fn all(store: &SqlStore) -> Vec<LoggedEvent> {
    store.read(Position::START, 1_000_000).await.expect("the log")
}

/// Waits until `condition` is true.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < Duration::from_mins(1), "this never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A test on both databases.
macro_rules! on_both {
    ($(async fn $name:ident($database:ident: &Database) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn run($database: &Database) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(&Database::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "slow: cargo test --workspace -- --include-ignored"]
            async fn postgres() {
                run(&Database::postgres()).await;
            }
        }
    )*};
}
pub(crate) use on_both;
