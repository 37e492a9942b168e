//! Handlers that are far behind, against plain reads of as many rows.

use std::time::Instant;

use cqrs_core::HandlerOptions;
use cqrs_core::handler::Start;
use cqrs_core::prelude::*;
use tokio::runtime::Runtime;

use crate::Result;
use crate::database::{Database, Kind};
use crate::subject;

const EVENTS: usize = 100_000;

const ROUNDS: usize = 3;

pub(crate) fn run(runtime: &Runtime, kind: Kind) -> Result {
    runtime.block_on(measure(kind))
}

async fn measure(kind: Kind) -> Result {
    let database = Database::create(kind).await?;
    let row = subject::row(&database).await?;
    let floor = database.floor(1).await?;
    let store = database.store().await?;
    for _ in 0..EVENTS / 500 {
        floor.insert_batch(&row, 500).await?;
    }
    subject::fill(&store, EVENTS - 1, 1000).await?;
    store.close().await;
    for handlers in [1, 10] {
        for round in 0..ROUNDS {
            let began = Instant::now();
            assert_eq!(floor.read_all(500).await?, EVENTS);
            let plain = began.elapsed();
            let store = database.store().await?;
            let handled = Arc::default();
            let options = HandlerOptions::DEFAULT.start(Start::Beginning);
            let builder = (0..handlers).fold(App::builder().bare(), |builder, number| {
                let name = format!("count-{handlers}-{round}-{number}");
                builder.register(subject::counting(name, &handled, options))
            });
            let app = builder.store(store.clone()).build()?;
            let before = floor.rows_read().await?;
            let began = Instant::now();
            app.start().await?;
            let deliveries = (EVENTS * handlers) as u64;
            handled.wait_for(deliveries).await;
            let drained = began.elapsed();
            subject::stop(app).await;
            store.close().await;
            let ratio = drained.as_secs_f64() / plain.as_secs_f64();
            let rate = deliveries as f64 / drained.as_secs_f64();
            let name = format!("drain {EVENTS}, {handlers} handler(s): plain reads");
            let target = if handlers == 1 { " (at most 1.43x)" } else { "" };
            let name = name + target;
            print!(
                "{name:<52} {plain:>11.1?} {drained:>11.1?} {ratio:>6.2}x {rate:.0} deliveries/s"
            );
            if let (Some(before), Some(after)) = (before, floor.rows_read().await?) {
                print!(", {:.2} rows read for each event", (after - before) as f64 / EVENTS as f64);
            }
            println!();
        }
    }
    floor.close().await;
    database.drop().await
}
