//! What the activity log costs beside plain SQL through the same driver.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench activity_log -- [entries] [sqlite|postgres]`:
//! 2 million entries for each database by default, which takes a quarter of an hour and some gigabytes. Postgres is
//! the server of `DATABASE_URL`, or the one at 127.0.0.1:5432; its tables are in separate schemas, which are dropped
//! at the end.
//!
//! The floor is a table with the same columns and indexes, but no chain and no trigger. Both get the same
//! rows in turn, so a change of the machine's speed affects both; the ratio is what counts.

mod events;
mod floor;
mod memory;
mod sample;
mod subject;

use std::error::Error;
use std::time::Duration;

use cqrs_activity_log::ActivityLog;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::floor::{PostgresFloor, SqliteFloor};

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let entries = arguments.iter().find_map(|it| it.parse().ok()).unwrap_or(2_000_000);
    let wants = |database: &str| {
        arguments.iter().all(|it| it.parse::<usize>().is_ok())
            || arguments.iter().any(|it| it == database)
    };
    if wants("sqlite") {
        println!("SQLite, {entries} entries");
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("activity.db");
        let log = ActivityLog::sqlite(&path).await?;
        let floor = SqliteFloor::beside(&path).await?;
        subject::measure(&log, &floor, entries).await?;
    }
    if wants("postgres") {
        println!("Postgres, {entries} entries");
        on_postgres(entries).await?;
    }
    Ok(())
}

async fn on_postgres(entries: usize) -> Result {
    let url = std::env::var("DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned());
    let mut connection = PgConnection::connect(&url).await?;
    let schema = format!("activity_bench_{}", std::process::id());
    connection.execute(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await?;
    let separator = if url.contains('?') { '&' } else { '?' };
    let in_schema = format!("{url}{separator}options=-c%20search_path%3D{schema}");
    let measured = async {
        let log = ActivityLog::postgres(&in_schema).await?;
        let floor = PostgresFloor::beside(&in_schema).await?;
        let measured = subject::measure(&log, &floor, entries).await;
        log.close().await;
        floor.close().await;
        measured
    };
    let measured = measured.await;
    connection.execute(sqlx::AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await?;
    measured
}

/// One line of the report; above 1, the log is slower than its floor.
fn report(what: &str, floor: Duration, log: Duration) {
    let ratio = log.as_secs_f64() / floor.as_secs_f64();
    println!("  {what:<46} {floor:>12.1?} {log:>12.1?} {ratio:>7.2}x");
}
