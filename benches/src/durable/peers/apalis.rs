//! apalis: `push`, and a worker that polls. On Postgres, a notification wakes it besides.
//!
//! It fetches 100 jobs at once; 10 is its default. On SQLite there is one connection, because with its ten `push` fails
//! with "database is locked", and its `setup`, which turns off waiting for the disk, is replaced by its migrations.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::*;
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use serde::{Deserialize, Serialize};
use sqlx::Executor as _;

use super::{Measured, publish_all};
use crate::Result;
use crate::database::{Database, Kind};
use crate::subject::Handled;

const EVENTS: usize = 10_000;

const BATCH: usize = 100;

const POLL: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct OrderPlaced {
    order: u32,
    note: String,
}

async fn count(placed: OrderPlaced, handled: Data<Arc<Handled>>) {
    std::hint::black_box(placed.note.len());
    handled.add(1);
}

pub(super) async fn measure(kind: Kind) -> Result<Measured> {
    let database = Database::create(kind).await?;
    let measured = match kind {
        Kind::Postgres => on_postgres(&database).await?,
        _ => on_sqlite(&database).await?,
    };
    database.drop().await?;
    Ok(measured)
}

async fn on_postgres(database: &Database) -> Result<Measured> {
    let pool = database.postgres(10).await?;
    // The name is fixed. If there is one already, this fails, so it is not dropped.
    pool.execute("CREATE SCHEMA apalis").await?;
    PostgresStorage::setup(&pool).await?;
    let config = apalis_postgres::Config::default().queue("orders").batch_size(BATCH);
    let storage = PostgresStorage::<OrderPlaced>::new(&pool).with_config(config);
    let backend = storage.clone().with_pubsub();
    let backend = backend.poll_with_strategy(Strategy::new().interval(POLL));
    let handled = Arc::new(Handled::default());
    let ctx = WorkerContext::new("count");
    let worker = WorkerBuilder::new(&ctx).backend(backend).data(Arc::clone(&handled)).build(count);
    let worker = tokio::spawn(worker.run());
    let measured = publish(storage, &handled).await?;
    ctx.stop()?;
    worker.await??;
    pool.execute("DROP SCHEMA apalis CASCADE").await?;
    pool.close().await;
    Ok(measured)
}

async fn on_sqlite(database: &Database) -> Result<Measured> {
    let pool = database.sqlite("apalis.db", 1).await?;
    SqliteStorage::migrations().run(&pool).await?;
    let config = apalis_sqlite::Config::default().queue("orders").batch_size(BATCH);
    let storage = SqliteStorage::<OrderPlaced>::new(&pool).with_config(config);
    let backend = storage.clone().poll_with_strategy(Strategy::new().interval(POLL));
    let handled = Arc::new(Handled::default());
    let ctx = WorkerContext::new("count");
    let worker = WorkerBuilder::new(&ctx).backend(backend).data(Arc::clone(&handled)).build(count);
    let worker = tokio::spawn(worker.run());
    let measured = publish(storage, &handled).await?;
    ctx.stop()?;
    worker.await??;
    pool.close().await;
    Ok(measured)
}

async fn publish<S, Kind>(storage: S, handled: &Handled) -> Result<Measured>
where
    S: TaskSink<OrderPlaced, Kind, Error: std::error::Error + Send + Sync>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let publish = move |order: usize| {
        let mut storage = storage.clone();
        async move {
            let note = "two chairs and a table".to_owned();
            storage.push(OrderPlaced { order: u32::try_from(order)?, note }).await?;
            Ok(())
        }
    };
    publish_all(EVENTS, handled, publish).await
}
