//! A process that is killed while it records, again and again.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use cqrs_activity_log::{Activity, ActivityLog};
use cqrs_core::Context;
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::database::{Db, run_on_postgres, run_on_sqlite};

/// The address of the database, for the process that is killed.
const ADDRESS: &str = "ACTIVITY_LOG_RECORDS_UNTIL_KILLED";

const KILLS: usize = 20;
const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn no_acknowledged_entry_is_missing_on_sqlite() {
    match env::var(ADDRESS) {
        // This is the process that the test kills, of either database.
        Ok(address) => Runtime::new().unwrap().block_on(records(&address)),
        Err(_) => run_on_sqlite(no_acknowledged_entry_is_missing_and_the_chains_verify),
    }
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn no_acknowledged_entry_is_missing_on_postgres() {
    run_on_postgres(no_acknowledged_entry_is_missing_and_the_chains_verify);
}

async fn no_acknowledged_entry_is_missing_and_the_chains_verify(db: &Db) {
    let log = db.open().await;
    let mut acknowledged = Vec::<(String, Uuid)>::new();
    for _ in 0..KILLS {
        let before = acknowledged.len();
        acknowledged.extend(record_until_killed(&db.address(), fastrand::usize(1..60)));
        assert!(acknowledged.len() > before, "it acknowledged nothing");
        for tenant in TENANTS {
            log.verify(&Context::for_tenant(tenant).unwrap()).await.unwrap();
        }
    }
    for (tenant, id) in acknowledged {
        let ctx = Context::for_tenant(tenant).unwrap();
        assert!(log.get(&ctx, id).await.unwrap().is_some(), "{id} is missing");
    }
}

/// Runs the first test as a process that records, kills it after this many lines, and returns what it printed.
fn record_until_killed(address: &str, lines: usize) -> Vec<(String, Uuid)> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "kills::no_acknowledged_entry_is_missing_on_sqlite",
            "--ignored",
            "--nocapture",
        ])
        .env(ADDRESS, address)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    for line in output.map_while(Result::ok) {
        // The last line may be cut off.
        let acknowledged = line.strip_prefix("recorded ").and_then(|line| line.split_once(' '));
        let Some((tenant, id)) = acknowledged else { continue };
        said.extend(Uuid::parse_str(id).ok().map(|id| (tenant.to_owned(), id)));
        if said.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    said
}

async fn records(address: &str) {
    let log = if address.starts_with("postgres") {
        ActivityLog::postgres(address).await
    } else {
        ActivityLog::sqlite(address).await
    };
    let log = log.unwrap();
    join_all(TENANTS.map(|tenant| record(&log, tenant))).await;
}

async fn record(log: &ActivityLog, tenant: &str) {
    let ctx = Context::for_tenant(tenant).unwrap();
    loop {
        let activities = (0..fastrand::usize(1..8)).map(|n| Activity::new("paid", "Invoice").id(n));
        for entry in log.record_all(&ctx, activities.collect()).await.unwrap() {
            // In one write, so that lines of other tenants do not come between.
            let line = format!("recorded {tenant} {}\n", entry.id);
            std::io::stdout().write_all(line.as_bytes()).unwrap();
        }
    }
}
