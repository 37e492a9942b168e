//! Transactions of users on Postgres that stay open beside others.

use std::sync::Arc;

use cqrs_sql::PublishIn as _;
use sqlx::PgPool;

use crate::applications::{
    Counted, Seen, app, complete, ctx, idle, noting, publish_for_counters, stop,
};
use crate::harness::Harness as _;
use crate::sql::{Postgres, url};
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn others_go_on_beside_an_open_transaction_on_postgres_whose_event_comes_after_its_commit() {
    let harness = Postgres::open().await;
    let seen = Seen::default();
    let app = app(Arc::clone(&harness.store()), [noting("one", &seen)]).await;
    let pool = PgPool::connect(&url()).await.unwrap();
    let publish_in = async |number| {
        let mut tx = pool.begin().await.unwrap();
        for counter in 0..20 {
            let event = Counted { counter, number };
            app.events().publish_in(&mut tx, &ctx(), event).await.unwrap();
        }
        tx
    };
    let open = publish_in(0).await;
    let rolled_back = publish_in(100).await;
    for number in 1..20 {
        // Half of the events are published in other transactions.
        if number % 2 == 0 {
            publish_in(number).await.commit().await.unwrap();
        } else {
            publish_for_counters(&app, 20, number).await;
        }
    }
    eventually("the others are handled", async || seen.len() == 20 * 19).await;
    assert_eq!(seen.by_counter(), complete(20, 1..20));
    open.commit().await.unwrap();
    rolled_back.rollback().await.unwrap();
    eventually("it is handled", async || seen.len() == 20 * 20).await;
    publish_for_counters(&app, 20, 20).await;
    idle(&app).await;
    let expected: Vec<_> = (1..20).chain([0, 20]).collect();
    assert!(seen.by_counter().values().all(|it| *it == expected), "{:?}", seen.by_counter());
    stop(app).await;
}
