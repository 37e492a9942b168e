//! Another process locks a tenant's chain in Postgres, and hangs.

use cqrs_activity_log::{Activity, ActivityLog, Filter, PageRequest};
use cqrs_core::modules;
use cqrs_core::prelude::*;
use futures_util::StreamExt as _;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use crate::database::{Db, run_on_postgres};

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct InvoicePaid {
    #[event(entity_id)]
    number: u32,
}

fn tenant(id: &str) -> Context {
    Context::for_tenant(id).unwrap()
}

fn activity() -> Activity {
    Activity::new("closed", "Year")
}

async fn hold(db: &Db, tenant: &str) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let Db::Postgres { pool, .. } = db else { unreachable!("on Postgres") };
    let mut tx = pool.begin().await.unwrap();
    let lock = "SELECT 1 FROM activity_chains WHERE tenant = $1 FOR UPDATE";
    sqlx::query(lock).bind(tenant).fetch_one(&mut *tx).await.unwrap();
    tx
}

/// A log with its own pool, and one with the smallest possible pool of the user.
async fn logs(db: &Db) -> [ActivityLog; 2] {
    let pool = PgPoolOptions::new().max_connections(3).connect(&db.address()).await.unwrap();
    [db.open().await, ActivityLog::options().postgres_pool(pool).await.unwrap()]
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn a_locked_chain_does_not_delay_other_tenants() {
    run_on_postgres(async |db| {
        let globex = tenant("globex");
        for log in logs(db).await {
            log.record(&tenant("acme"), activity()).await.unwrap();
            let held = hold(db, "acme").await;
            let mut waiting = JoinSet::new();
            for number in 0..30 {
                let log = log.clone();
                waiting.spawn(async move {
                    // Some are dropped while they wait for the chain.
                    let patience =
                        Duration::from_millis(if number % 2 == 0 { 200 } else { 60_000 });
                    let acme = tenant("acme");
                    tokio::time::timeout(patience, log.record(&acme, activity())).await.is_ok()
                });
            }
            for number in 1..=20 {
                let entry = log.record(&globex, activity()).await.unwrap();
                let page = log.query(&globex, &Filter::new(), &PageRequest::newest()).await;
                assert_eq!(page.unwrap().entries[0].id, entry.id, "{number}");
            }
            held.rollback().await.unwrap();
            waiting.join_all().await;
            log.record(&tenant("acme"), activity()).await.unwrap();
            log.verify(&tenant("acme")).await.unwrap();
        }
    });
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn recording_for_a_locked_chain_fails_after_a_while() {
    run_on_postgres(async |db| {
        let log = db.open().await;
        log.record(&tenant("acme"), activity()).await.unwrap();
        let held = hold(db, "acme").await;
        let error = log.record(&tenant("acme"), activity()).await.unwrap_err();
        assert!(error.to_string().contains("lock timeout"), "{error}");
        assert!(!error.is_permanent());
        held.rollback().await.unwrap();
        log.record(&tenant("acme"), activity()).await.unwrap();
    });
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn events_of_other_tenants_are_recorded_while_a_chain_is_locked() {
    run_on_postgres(async |db| {
        let log = db.open().await;
        let tenants = ["acme", "globex", "umbrella"].map(tenant);
        // One tenant before it in the order of names, and one after it.
        let [before, held_tenant, after] = &tenants;
        for ctx in &tenants {
            log.record(ctx, activity()).await.unwrap();
        }
        let app = App::builder().only(modules![self]).plugin(log.clone()).build().unwrap();
        let mut failures = app.failures();
        let held = hold(db, "globex").await;
        for number in 0..50 {
            for ctx in &tenants {
                app.events().publish(ctx, InvoicePaid { number }).await.unwrap();
            }
        }
        let failure = failures.next().await.unwrap().unwrap();
        assert_eq!(failure.event.context().tenant(), held_tenant.tenant());
        for ctx in [before, after] {
            let mut recorded = std::pin::pin!(log.tail(ctx, &Filter::new(), Some(1)));
            for _ in 0..50 {
                recorded.next().await.unwrap().unwrap();
            }
        }
        assert_eq!(log.verify(held_tenant).await.unwrap().entries, 1);
        held.rollback().await.unwrap();
        assert!(app.shutdown(Duration::from_mins(1)).await.is_clean());
        for ctx in &tenants {
            assert_eq!(log.verify(ctx).await.unwrap().entries, 51);
        }
    });
}
