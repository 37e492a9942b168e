//! From the publish to the handler, against a plain commit.

use std::time::{Duration, Instant};

use cqrs_core::Handler;
use cqrs_core::prelude::*;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::Result;
use crate::database::{Database, Kind};
use crate::publish_in::order_and_event;
use crate::sample::{OrderPlaced, context};
use crate::subject;

const TIMES: u32 = 1000;

pub(crate) fn run(runtime: &Runtime, kind: Kind) -> Result {
    runtime.block_on(measure(kind))
}

async fn measure(kind: Kind) -> Result {
    let database = Database::create(kind).await?;
    let row = subject::row(&database).await?;
    let floor = database.floor(1).await?;
    let users = database.users_tables().await?;
    let (app, mut handled) = start(&database).await?;
    let ctx = context(0);
    let (mut commits, mut publishes, mut transactions) = (Vec::new(), Vec::new(), Vec::new());
    for order in 0..TIMES {
        let began = Instant::now();
        floor.insert(&row).await?;
        commits.push(began.elapsed());
        let began = Instant::now();
        app.events().publish(&ctx, OrderPlaced::new(order)).await?;
        publishes.push(next(&mut handled).await?.saturating_duration_since(began));
        if order.is_multiple_of(5) {
            order_and_event(&users, &app, &ctx, order).await?;
            let committed = Instant::now();
            transactions.push(next(&mut handled).await?.saturating_duration_since(committed));
        }
    }
    report("publish to handled (p50 1.5x, p99 5x)", &mut commits, &mut publishes);
    report("commit of publish_in to handled (2 commits + 1 ms)", &mut commits, &mut transactions);

    // The two nodes divide the shards, and some tenants are the other node's.
    let (publisher, mut handled_here) = start(&database).await?;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let (mut there, mut commits) = (Vec::new(), Vec::new());
    for order in 0..TIMES / 2 {
        let began = Instant::now();
        floor.insert(&row).await?;
        commits.push(began.elapsed());
        let ctx = context(order as usize % 50);
        let began = Instant::now();
        publisher.events().publish(&ctx, OrderPlaced::new(order)).await?;
        tokio::select! {
            at = next(&mut handled) => there.push(at?.saturating_duration_since(began)),
            at = next(&mut handled_here) => drop(at?),
        }
        tokio::time::sleep(Duration::from_millis(u64::from(order % 7))).await;
    }
    assert!(!there.is_empty(), "the other node has shards");
    report("publish to handled on another node (p50 < 10 ms)", &mut commits, &mut there);
    subject::stop(publisher).await;
    subject::stop(app).await;
    floor.close().await;
    users.close().await;
    database.drop().await
}

/// An application whose handler tells when it was called.
async fn start(database: &Database) -> Result<(App, UnboundedReceiver<Instant>)> {
    let (sender, handled) = unbounded_channel();
    let handler = Handler::event_fn("tell", move |_: Published<OrderPlaced>, _| {
        let _ = sender.send(Instant::now());
        async { Ok(()) }
    });
    let app = App::builder().bare().store(database.store().await?).register(handler).build()?;
    app.start().await?;
    Ok((app, handled))
}

async fn next(handled: &mut UnboundedReceiver<Instant>) -> Result<Instant> {
    let next = tokio::time::timeout(Duration::from_secs(10), handled.recv()).await?;
    next.ok_or_else(|| "the application has ended".into())
}

fn report(name: &str, floor: &mut [Duration], measured: &mut [Duration]) {
    floor.sort();
    measured.sort();
    for percent in [50, 99] {
        let of = |times: &[Duration]| times[(times.len() - 1) * percent / 100];
        let (floor, measured) = (of(floor), of(measured));
        let ratio = measured.as_secs_f64() / floor.as_secs_f64();
        println!("{name:<52} {floor:>11.1?} {measured:>11.1?} {ratio:>6.2}x (p{percent})");
    }
}
