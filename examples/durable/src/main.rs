//! An order and its event are stored together. Each order is shipped once, also if processes are killed meanwhile.
//!
//! `cargo run -p durable -- orders.db 300` places 300 orders and ships them; see the README beside this file.

use std::error::Error;
use std::time::Duration;

use cqrs_core::prelude::*;
use cqrs_sql::{PublishIn as _, SqlStore};

#[cfg(feature = "postgres")]
use self::postgres as database;
#[cfg(not(feature = "postgres"))]
use self::sqlite as database;

#[derive(Serialize, Deserialize, Event)]
struct OrderPlaced {
    #[event(entity_id)]
    order: i64,
}

/// Writes a shipment. Its row, and that the event is handled, are committed together.
#[events_handler(OrderPlaced, transactional, start = "beginning")]
struct Ship;

impl TransactionalEventHandler<OrderPlaced> for Ship {
    type Transaction = database::Tx;

    async fn handle(
        &self,
        event: &OrderPlaced,
        tx: &mut database::Tx,
        _: &Context,
    ) -> HandlerResult {
        // Packing takes a while.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let insert = sqlx::query("INSERT INTO shipments (order_number, process) VALUES ($1, $2)");
        insert.bind(event.order).bind(process()).execute(&mut **tx).await?;
        Ok(())
    }
}

/// The order and its event: both are committed, or neither.
async fn place_order(pool: &database::Pool, events: &EventBus) -> Result<(), Box<dyn Error>> {
    let mut tx = database::begin(pool).await?;
    let insert = sqlx::query_scalar("INSERT INTO orders (process) VALUES ($1) RETURNING number");
    let order: i64 = insert.bind(process()).fetch_one(&mut *tx).await?;
    let ctx = Context::for_tenant(format!("customer-{}", order % 20))?;
    events.publish_in(&mut tx, &ctx, OrderPlaced { order }).await?;
    tx.commit().await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("which database? `cargo run -p durable -- orders.db 300`")?;
    let count: u32 = args.next().map_or(Ok(0), |count| count.parse())?;

    let pool = database::connect(&url).await?;
    sqlx::raw_sql(database::TABLES).execute(&pool).await?;
    // A short lease, so that the others need not wait long for the shards of a process that was killed.
    let store = SqlStore::builder().lease(Duration::from_secs(3)).from_pool(pool.clone()).await?;
    let app = App::builder().store(store).build()?;
    app.start().await?;

    for _ in 0..count {
        place_order(&pool, app.events()).await?;
    }
    loop {
        let orders = number(&pool, "SELECT count(*) FROM orders").await?;
        let shipments = number(&pool, "SELECT count(*) FROM shipments").await?;
        let shipped = number(&pool, "SELECT count(DISTINCT order_number) FROM shipments").await?;
        println!(
            "process {}: {orders} orders, {shipped} shipped, {shipments} shipments",
            process()
        );
        if shipped == orders {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("{}", app.shutdown(Duration::from_secs(10)).await);
    Ok(())
}

fn process() -> i64 {
    i64::from(std::process::id())
}

async fn number(pool: &database::Pool, query: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(query).fetch_one(pool).await
}

#[cfg(not(feature = "postgres"))]
mod sqlite {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

    pub(crate) use cqrs_sql::SqliteTransaction as Tx;
    pub(crate) use sqlx::SqlitePool as Pool;

    pub(crate) const TABLES: &str =
        "CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, process INTEGER NOT NULL);
         CREATE TABLE IF NOT EXISTS shipments (order_number INTEGER NOT NULL, process INTEGER NOT NULL);";

    pub(crate) async fn connect(path: &str) -> Result<Pool, sqlx::Error> {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal);
        let options = options.synchronous(SqliteSynchronous::Full);
        Pool::connect_with(options.busy_timeout(std::time::Duration::from_secs(10))).await
    }

    pub(crate) async fn begin(pool: &Pool) -> Result<Tx, sqlx::Error> {
        pool.begin_with("BEGIN IMMEDIATE").await
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    pub(crate) use cqrs_sql::PostgresTransaction as Tx;
    pub(crate) use sqlx::PgPool as Pool;

    // The lock is for processes that start at the same time.
    pub(crate) const TABLES: &str = "BEGIN; SELECT pg_advisory_xact_lock(4711);
         CREATE TABLE IF NOT EXISTS orders
             (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, process bigint NOT NULL);
         CREATE TABLE IF NOT EXISTS shipments (order_number bigint NOT NULL, process bigint NOT NULL); COMMIT;";

    pub(crate) async fn connect(url: &str) -> Result<Pool, sqlx::Error> {
        Pool::connect(url).await
    }

    pub(crate) async fn begin(pool: &Pool) -> Result<Tx, sqlx::Error> {
        pool.begin().await
    }
}
