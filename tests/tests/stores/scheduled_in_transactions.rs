//! Events that users schedule in transactions of their own.

use std::sync::Arc;
use std::time::Duration;

use cqrs_core::log::Store;
use cqrs_core::prelude::*;
use cqrs_sql::{PublishIn as _, SqlDatabase};
use jiff::Timestamp;
use sqlx::Transaction;
use uuid::Uuid;

use crate::applications::{Counted, Seen, app, complete, ctx, noting, stop};
use crate::harness::Harness as _;
use crate::sql::{Postgres, Sqlite};
use crate::support::eventually;

async fn schedule<DB: SqlDatabase>(
    app: &App,
    tx: &mut Transaction<'static, DB>,
    at: Timestamp,
    number: u32,
) -> Uuid {
    let event = Counted { counter: 0, number };
    app.events().publish_at_in(tx, &ctx(), at, event).await.unwrap()
}

async fn an_event_is_scheduled_with_its_transaction<DB: SqlDatabase>(
    store: Arc<dyn Store>,
    begin: impl AsyncFn() -> Transaction<'static, DB>,
) {
    let seen = Seen::default();
    let app = app(store, [noting("one", &seen)]).await;
    let (soon, later) =
        (Timestamp::now() + Duration::from_millis(200), Timestamp::now() + Duration::from_hours(1));
    let mut rolled_back = begin().await;
    schedule(&app, &mut rolled_back, soon, 7).await;
    let never = schedule(&app, &mut rolled_back, later, 8).await;
    rolled_back.rollback().await.unwrap();
    let mut committed = begin().await;
    schedule(&app, &mut committed, soon, 0).await;
    let cancelled = schedule(&app, &mut committed, later, 9).await;
    let last = schedule(&app, &mut committed, soon + Duration::from_millis(1), 1).await;
    committed.commit().await.unwrap();
    assert!(!app.events().cancel(never).await.unwrap());
    assert!(app.events().cancel(cancelled).await.unwrap());
    eventually("what was committed is handled", async || seen.len() >= 2).await;
    assert!(Timestamp::now() >= soon);
    assert!(!app.events().cancel(last).await.unwrap(), "it is published");
    stop(app).await;
    assert_eq!(seen.by_counter(), complete(1, 0..2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_scheduled_with_its_transaction_on_sqlite() {
    let sqlite = Sqlite::open().await;
    let pool = sqlite.pool().await;
    let begin = async || pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    an_event_is_scheduled_with_its_transaction(sqlite.store(), begin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn an_event_is_scheduled_with_its_transaction_on_postgres() {
    let postgres = Postgres::open().await;
    let begin = async || postgres.pool.begin().await.unwrap();
    an_event_is_scheduled_with_its_transaction(postgres.store(), begin).await;
}
