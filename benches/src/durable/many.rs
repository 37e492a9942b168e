//! Many events, many handlers and many tenants: whether rate, lag and memory stay as they are.

use std::time::Instant;

use cqrs_core::HandlerOptions;
use cqrs_core::prelude::*;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;

use crate::Result;
use crate::database::{Database, Kind};
use crate::memory;
use crate::sample::{OrderPlaced, context};
use crate::subject;

const HANDLERS: usize = 100;

const TENANTS: usize = 10_000;

const CALLERS: usize = 64;

const PARTS: usize = 5;

pub(crate) fn run(runtime: &Runtime, kind: Kind) -> Result {
    runtime.block_on(measure(kind))
}

async fn measure(kind: Kind) -> Result {
    let events = std::env::var("CQRS_BENCH_EVENTS").ok().and_then(|it| it.parse().ok());
    let events: usize = events.unwrap_or(200_000);
    let database = Database::create(kind).await?;
    let handled = Arc::default();
    let builder = (0..HANDLERS).fold(App::builder().bare(), |builder, number| {
        let name = format!("count-{number}");
        builder.register(subject::counting(name, &handled, HandlerOptions::DEFAULT))
    });
    let app = Arc::new(builder.store(database.store().await?).build()?);
    app.start().await?;
    println!("{HANDLERS} handlers, {TENANTS} tenants, {CALLERS} callers");
    memory::report("before the first event");
    let each = events / PARTS / CALLERS;
    for part in 1..=PARTS {
        let began = Instant::now();
        let callers = (0..CALLERS).map(|caller| {
            let app = Arc::clone(&app);
            tokio::spawn(async move {
                for number in 0..each {
                    let ctx = context((number * CALLERS + caller) % TENANTS);
                    let placed = OrderPlaced::new(u32::try_from(number).unwrap_or(0));
                    app.events().publish(&ctx, placed).await.expect("accepted");
                }
            })
        });
        try_join_all(callers).await?;
        let published = began.elapsed();
        handled.wait_for((part * each * CALLERS * HANDLERS) as u64).await;
        let lag = began.elapsed().saturating_sub(published);
        let rate = (each * CALLERS) as f64 / published.as_secs_f64();
        println!(
            "  part {part} of {PARTS}: {rate:.0} events/s published, all handled {lag:.1?} later"
        );
        memory::report(&format!("after part {part}"));
    }
    let app = Arc::into_inner(app).expect("all callers have ended");
    subject::stop(app).await;
    database.drop().await
}
