//! The clock of the database was ahead when nodes said how long they live, and is set right.
//!
//! On SQLite it is the clock of the machine. The clock of the process decides about no lease and no order.

use std::sync::Arc;

use cqrs_core::log::{Node, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use uuid::Uuid;

use crate::applications::{Seen, app, noting, publish_for_tenants, stop};
use crate::harness::Harness as _;
use crate::sql::{Postgres, options};
use crate::support::{LONG, eventually};

/// `later` moves the life of all nodes by a day, `longest` tells in seconds how long the nodes live at most, and
/// `end` ends the life of the node that died.
async fn a_node_is_not_believed_to_live_for_long(
    store: Arc<dyn Store>,
    later: impl AsyncFn(),
    longest: impl AsyncFn() -> i64,
    end: impl AsyncFn(),
) {
    let dead = Node { id: Uuid::now_v7(), ttl: LONG, about: "died".to_owned() };
    store.beat(&dead).await.unwrap();
    assert_eq!(store.claim(&dead, usize::MAX, &[]).await.unwrap().len(), 16);
    let seen = Seen::default();
    let app = app(store, [noting("one", &seen)]).await;
    publish_for_tenants(&app, 40, 0).await;
    later().await;
    eventually("no node lives for long", async || longest().await <= 60).await;
    // As if that time had passed.
    end().await;
    eventually("the shards are taken over", async || seen.len() == 40).await;
    stop(app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_ahead_keeps_no_shard_for_longer_than_a_minute_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let store = options().sqlite(&path).await.unwrap();
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.unwrap();
    let run = async |sql| {
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    };
    a_node_is_not_believed_to_live_for_long(
        Arc::new(store),
        async || run("UPDATE cqrs_node SET until = until + 86400000000").await,
        async || {
            let sql = "SELECT max(until) / 1000000 - unixepoch() FROM cqrs_node";
            sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
        },
        async || run("UPDATE cqrs_node SET until = 0 WHERE about = 'died'").await,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_clock_that_was_ahead_keeps_no_shard_for_longer_than_a_minute_on_postgres() {
    let harness = Postgres::open().await;
    let pool = harness.pool.clone();
    let run = async |sql| {
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    };
    a_node_is_not_believed_to_live_for_long(
        harness.store(),
        async || run("UPDATE cqrs_node SET until = until + interval '1 day'").await,
        async || {
            let sql = "SELECT ceil(extract(epoch FROM max(until) - now()))::bigint FROM cqrs_node";
            sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
        },
        async || run("UPDATE cqrs_node SET until = now() WHERE about = 'died'").await,
    )
    .await;
}
