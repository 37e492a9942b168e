//! The database is away for a while.

use std::collections::HashSet;
use std::time::Duration;

use cqrs_activity_log::ActivityLog;
use cqrs_core::modules;
use cqrs_core::prelude::*;
use futures_util::StreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::database::{Db, on_each_database, run_on_postgres, run_on_sqlite};

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct InvoicePaid {
    #[event(entity_id)]
    number: u32,
}

const EVENTS: u32 = 60;

fn app(log: &ActivityLog) -> App {
    App::builder().only(modules![self]).plugin(log.clone()).build().unwrap()
}

/// Publishes the second half after `away`, and returns once an attempt has failed for each of these.
async fn publish_and_fail(app: &App, ctx: &Context, away: impl Future<Output = ()>) {
    let mut failures = app.failures();
    for number in 0..EVENTS / 2 {
        app.events().publish(ctx, InvoicePaid { number }).await.unwrap();
    }
    away.await;
    let mut fine = HashSet::new();
    for number in EVENTS / 2..EVENTS {
        fine.insert(app.events().publish(ctx, InvoicePaid { number }).await.unwrap());
    }
    while !fine.is_empty() {
        fine.remove(&failures.next().await.unwrap().unwrap().event.id());
    }
}

async fn everything_is_there(db: &Db, app: App, ctx: &Context) {
    let report = app.shutdown(Duration::from_mins(2)).await;
    assert!(report.is_clean(), "{report}");
    let log = db.open().await;
    assert_eq!(log.verify(ctx).await.unwrap().entries, u64::from(EVENTS));
    let distinct = "SELECT count(DISTINCT entity_id) FROM activity_entries";
    assert_eq!(db.number(distinct).await, i64::from(EVENTS));
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn an_outage_of_postgres_loses_nothing() {
    run_on_postgres(outage_of_postgres);
}

async fn outage_of_postgres(db: &Db) {
    let options: PgConnectOptions = db.address().parse().unwrap();
    let proxy = Proxy::start(format!("{}:{}", options.get_host(), options.get_port())).await;
    let pool = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(200))
        .connect_with(options.host("127.0.0.1").port(proxy.port))
        .await
        .unwrap();
    let log = ActivityLog::options().postgres_pool(pool).await.unwrap();
    let app = app(&log);
    let ctx = Context::for_tenant("acme").unwrap();
    publish_and_fail(&app, &ctx, async { proxy.set(false) }).await;
    let activity = cqrs_activity_log::Activity::new("exported", "Report");
    let error = log.record(&ctx, activity).await.unwrap_err();
    assert!(!error.is_permanent(), "{error}");
    proxy.set(true);
    everything_is_there(db, app, &ctx).await;
}

#[test]
fn a_locked_sqlite_database_loses_nothing() {
    run_on_sqlite(outage_of_sqlite);
}

async fn outage_of_sqlite(db: &Db) {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(db.address())
        .create_if_missing(true)
        .busy_timeout(Duration::from_millis(20));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let log = ActivityLog::options().sqlite_pool(pool).await.unwrap();
    let app = app(&log);
    let ctx = Context::for_tenant("acme").unwrap();
    publish_and_fail(&app, &ctx, async {
        while db.try_execute("BEGIN EXCLUSIVE").await.is_err() {}
    })
    .await;
    db.execute("COMMIT").await;
    everything_is_there(db, app, &ctx).await;
}

on_each_database! {
    async fn events_of_an_outage_are_recorded_in_batches_afterwards(db) {
        match db {
            Db::Sqlite { .. } => outage_of_sqlite(db).await,
            Db::Postgres { .. } => outage_of_postgres(db).await,
        }
        // Entries of one transaction have the same time.
        let batches = db
            .number(&format!(
                "SELECT count(DISTINCT recorded_at) FROM activity_entries \
                 WHERE CAST(entity_id AS INTEGER) >= {}",
                EVENTS / 2
            ))
            .await;
        assert!(batches < i64::from(EVENTS) / 6, "{batches}");
    }
}

/// A proxy of a server that can be closed and opened again.
struct Proxy {
    port: u16,
    open: watch::Sender<bool>,
}

impl Proxy {
    async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *is_open.borrow() {
                    tokio::spawn(connect(client, server.clone(), is_open.clone()));
                }
            }
        });
        Self { port, open }
    }

    fn set(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn connect(mut client: TcpStream, server: String, mut is_open: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = is_open.wait_for(|open| !open) => {}
    }
}
