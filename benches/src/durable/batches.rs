//! A transactional handler of batches, against plain inserts of the same rows in the same batches.

use std::marker::PhantomData;
use std::time::Instant;

use cqrs_core::handler::{BatchPolicy, Start};
use cqrs_core::prelude::*;
use cqrs_core::{Handler, HandlerOptions};
use cqrs_sql::{PostgresTransaction, SqliteTransaction};
use sqlx::QueryBuilder;
use tokio::runtime::Runtime;

use crate::Result;
use crate::database::{Database, Kind};
use crate::sample::OrderPlaced;
use crate::subject::{self, Handled};

const EVENTS: usize = 20_000;

const BATCH: usize = 100;

const ROUNDS: usize = 5;

/// Writes a row for each event.
struct Note<T>(Arc<Handled>, PhantomData<fn() -> T>);

macro_rules! note {
    ($transaction:ty, $database:ty) => {
        impl TransactionalBatchEventHandler<OrderPlaced> for Note<$transaction> {
            type Transaction = $transaction;

            async fn handle_batch(
                &self,
                batch: &Batch<OrderPlaced>,
                tx: &mut $transaction,
                _: &Context,
            ) -> HandlerResult {
                let mut insert = QueryBuilder::<$database>::new("INSERT INTO plain_order (note) ");
                insert.push_values(batch, |mut row, item| {
                    row.push_bind(item.note.clone());
                });
                insert.build().execute(&mut **tx).await?;
                self.0.add(batch.len() as u64);
                Ok(())
            }
        }
    };
}

note!(SqliteTransaction, sqlx::Sqlite);
note!(PostgresTransaction, sqlx::Postgres);

pub(crate) fn run(runtime: &Runtime, kind: Kind) -> Result {
    runtime.block_on(measure(kind))
}

async fn measure(kind: Kind) -> Result {
    let database = Database::create(kind).await?;
    let store = database.store().await?;
    let floor = database.floor(1).await?;
    // On SQLite they are in another file.
    let users = if kind == Kind::Postgres { None } else { Some(database.users_tables().await?) };
    subject::fill(&store, EVENTS, 100).await?;
    store.close().await;
    let notes = vec!["two chairs and a table"; BATCH];
    for round in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..EVENTS / BATCH {
            floor.order_batch(&notes).await?;
        }
        let plain = began.elapsed();
        let handled = Arc::default();
        let options = HandlerOptions::DEFAULT.start(Start::Beginning).concurrency(1);
        let (name, policy) = (format!("note-{round}"), BatchPolicy::new(BATCH).across_tenants());
        let handler: cqrs_core::registry::HandlerRegistration = if kind == Kind::Postgres {
            let note = Note::<PostgresTransaction>(Arc::clone(&handled), PhantomData);
            let handler = Handler::transactional_batches(name, policy, note).on::<OrderPlaced>();
            handler.options(options).into()
        } else {
            let note = Note::<SqliteTransaction>(Arc::clone(&handled), PhantomData);
            let handler = Handler::transactional_batches(name, policy, note).on::<OrderPlaced>();
            handler.options(options).into()
        };
        let store = database.store().await?;
        let app = App::builder().bare().store(store.clone()).register(handler).build()?;
        let began = Instant::now();
        app.start().await?;
        handled.wait_for(EVENTS as u64).await;
        let drained = began.elapsed();
        subject::stop(app).await;
        store.close().await;
        let ratio = drained.as_secs_f64() / plain.as_secs_f64();
        let name = "transactional batches of 100: plain (at most 2x)";
        println!("{name:<52} {plain:>11.1?} {drained:>11.1?} {ratio:>6.2}x");
    }
    if let Some(users) = users {
        users.close().await;
    }
    floor.close().await;
    database.drop().await
}
