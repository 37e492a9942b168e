//! What fails in the database leaves the log as it was, and usable.

use std::time::Duration;

use cqrs_activity_log::{Activity, ActivityLog, Retention};
use cqrs_core::Context;
use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

use crate::database::{Db, on_each_database, run_on_postgres, run_on_sqlite};

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

fn activity() -> Activity {
    Activity::new("closed", "Year")
}

/// The log with a pool of its user, of one connection.
async fn with_own_pool(db: &Db) -> ActivityLog {
    let options = SqliteConnectOptions::new().filename(db.address()).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    ActivityLog::options().sqlite_pool(pool).await.unwrap()
}

/// As SQLite does by itself when the disk is full or broken.
async fn roll_back_on(db: &Db, what: &str) {
    db.execute(&format!(
        "CREATE TRIGGER broken BEFORE {what} BEGIN SELECT RAISE(ROLLBACK, 'as a full disk'); END"
    ))
    .await;
}

async fn mend(db: &Db) {
    db.execute("DROP TRIGGER broken").await;
}

#[test]
fn recording_goes_on_after_sqlite_has_rolled_back_by_itself() {
    run_on_sqlite(async |db| {
        for log in [db.open().await, with_own_pool(db).await] {
            roll_back_on(db, "INSERT ON activity_entries").await;
            for _ in 0..3 {
                let error = log.record(&ctx(), activity()).await.unwrap_err().to_string();
                assert!(error.contains("as a full disk"), "{error}");
            }
            mend(db).await;
            log.record(&ctx(), activity()).await.unwrap();
        }
        assert_eq!(db.open().await.verify(&ctx()).await.unwrap().entries, 2);
    });
}

#[test]
fn pruning_goes_on_after_sqlite_has_rolled_back_by_itself() {
    run_on_sqlite(async |db| {
        let retention = Retention::days(1);
        let log = db.open_with(ActivityLog::options().retention(retention)).await.unwrap();
        log.record(&ctx(), activity()).await.unwrap();
        roll_back_on(db, "DELETE ON activity_entries").await;
        log.prune(&ctx(), Timestamp::now()).await.unwrap_err();
        mend(db).await;
        log.apply_retention().await.unwrap();
        assert!(log.prune(&ctx(), Timestamp::now()).await.unwrap().entries > 0);
        log.verify(&ctx()).await.unwrap();
    });
}

#[test]
fn recording_goes_on_once_a_full_sqlite_database_has_room_again() {
    run_on_sqlite(async |db| {
        let options = SqliteConnectOptions::new()
            .filename(db.address())
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let full = options.clone().pragma("max_page_count", "150");
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(full).await.unwrap();
        let log = ActivityLog::options().sqlite_pool(pool.clone()).await.unwrap();
        let large = || activity().data(json!("x".repeat(5000)));
        let mut recorded = 0;
        while log.record(&ctx(), large()).await.is_ok() {
            recorded += 1;
        }
        log.record(&ctx(), large()).await.unwrap_err();
        // For the existing connection and for a new one.
        pool.set_connect_options(options);
        sqlx::query("PRAGMA max_page_count = 100000").fetch_all(&pool).await.unwrap();
        log.record(&ctx(), large()).await.unwrap();
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, recorded + 1);
    });
}

on_each_database! {
    async fn a_dropped_recording_does_not_block_others(db) {
        let log = db.open().await;
        for _ in 0..30 {
            // At any point of its work.
            let some_time = Duration::from_micros(fastrand::u64(0..3000));
            let _ = tokio::time::timeout(some_time, log.record(&ctx(), activity())).await;
        }
        log.record(&ctx(), activity()).await.unwrap();
        log.verify(&ctx()).await.unwrap();
    }
}

/// A future that outlives its runtime.
#[test]
fn a_recording_that_is_dropped_after_its_runtime_does_not_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("activity.db");
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let recorder = ctx();
    for _ in 0..30 {
        let first = runtime();
        let log = first.block_on(ActivityLog::sqlite(&path)).unwrap();
        let mut recording = Box::pin(log.record(&recorder, activity()));
        let some_time = Duration::from_micros(fastrand::u64(0..3000));
        let midway = async { tokio::time::timeout(some_time, &mut recording).await.is_ok() };
        let is_done = first.block_on(midway);
        drop(first);
        drop(recording);
        drop(log);
        // It does not block others.
        let second = runtime();
        let log = second.block_on(ActivityLog::sqlite(&path)).unwrap();
        second.block_on(log.record(&recorder, activity())).unwrap();
        let verified = second.block_on(log.verify(&recorder)).unwrap();
        assert!(!is_done || verified.entries >= 2);
        second.block_on(log.close());
    }
}

/// A rule that silently discards rows of a table.
async fn silently_refuse(db: &Db, table: &str, what: &str) {
    db.execute(&format!("CREATE RULE refused AS ON {what} TO {table} DO INSTEAD NOTHING")).await;
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn rows_that_postgres_silently_discarded_are_an_error() {
    run_on_postgres(async |db| {
        let log = db.open().await;
        let many = || (0..20).map(|_| activity()).collect();
        log.record_all(&ctx(), many()).await.unwrap();
        // The last one has no chain yet.
        let cases = [
            ("activity_entries", "INSERT", ctx()),
            ("activity_chains", "UPDATE", ctx()),
            ("activity_chains", "INSERT", Context::for_tenant("globex").unwrap()),
        ];
        for (table, what, ctx) in cases {
            silently_refuse(db, table, what).await;
            let error = log.record_all(&ctx, many()).await.unwrap_err().to_string();
            assert!(error.contains(&format!("rows of `{table}`")), "{error}");
            db.execute(&format!("DROP RULE refused ON {table}")).await;
        }
        log.record(&ctx(), activity()).await.unwrap();
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 21);
        silently_refuse(db, "activity_entries", "DELETE").await;
        log.prune(&ctx(), Timestamp::now()).await.unwrap_err();
        db.execute("DROP RULE refused ON activity_entries").await;
        assert!(log.prune(&ctx(), Timestamp::now()).await.unwrap().entries > 0);
        log.verify(&ctx()).await.unwrap();
    });
}
