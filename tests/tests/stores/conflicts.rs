//! The errors of the databases for transactions that conflict.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_sql::PostgresTransaction;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::applications::ctx;
use crate::harness::Harness as _;
use crate::sql::{Postgres, Sqlite};

/// Its only cause is the error of the driver.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Collided(#[from] sqlx::Error);

/// Fails in the database with each of these codes, one after the other.
#[derive(Clone, Command)]
#[command(output = u32, error = Collided)]
struct Collide(&'static [&'static str]);

#[command_handler(Collide, transactional, retry(attempts = 3, backoff = "1ms"))]
struct Collider {
    attempts: Arc<AtomicU32>,
}

impl TransactionalCommandHandler<Collide> for Collider {
    type Transaction = PostgresTransaction;

    async fn execute(
        &self,
        Collide(codes): Collide,
        tx: &mut PostgresTransaction,
        _: &Context,
    ) -> Result<u32, Collided> {
        let before = self.attempts.fetch_add(1, SeqCst);
        if let Some(code) = codes.get(before as usize) {
            let raise =
                format!("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$");
            sqlx::raw_sql(AssertSqlSafe(raise)).execute(&mut **tx).await?;
        }
        Ok(before + 1)
    }
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_command_on_postgres_is_attempted_again_after_a_conflict_and_after_nothing_else() {
    let harness = Postgres::open().await;
    for (codes, result) in [
        (&["40001", "40P01"][..], Ok(3)),
        (&["55P03"], Ok(2)),
        (&["40001"; 3], Err(3)),
        (&["23505"], Err(1)),
        // It is unknown whether the statement was completed.
        (&["40003"], Err(1)),
    ] {
        let attempts = Arc::<AtomicU32>::default();
        let app = App::builder().only(modules![self]).shared_store(harness.store());
        let app = app.provide(Arc::clone(&attempts)).build().unwrap();
        let executed = app.commands().execute(&ctx(), Collide(codes)).await;
        assert_eq!(executed.map_err(|_| attempts.load(SeqCst)), result, "{codes:?}");
        assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    }
}

#[tokio::test]
async fn an_sqlite_file_that_another_transaction_writes_is_a_conflict() {
    let harness = Sqlite::open().await;
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(directory.path().join("a.db"));
    let options = options.create_if_missing(true).busy_timeout(Duration::ZERO);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let _writing = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let busy = pool.begin_with("BEGIN IMMEDIATE").await.unwrap_err();
    let other = sqlx::query("SELECT * FROM nothing").execute(&pool).await.unwrap_err();
    let store = harness.store();
    let units = store.units().unwrap();
    assert!(units.is_conflict(&busy), "{busy:?}");
    assert!(!units.is_conflict(&other), "{other:?}");
    for (error, is_conflict) in [(Collided(busy), true), (Collided(other), false)] {
        assert_eq!(units.is_conflict(error.source().unwrap()), is_conflict, "{error:?}");
    }
}
