//! One tenant's backlog, and how long the events of other tenants in its shard wait.

use std::time::{Duration, Instant};

use cqrs_core::handler::Start;
use cqrs_core::log::stable_hash;
use cqrs_core::prelude::*;
use cqrs_core::{Handler, HandlerOptions};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::Result;
use crate::database::{Database, Kind};
use crate::sample::{OrderPlaced, context};
use crate::subject;

/// How long the handler needs for an event of the backlog.
const SLOW: Duration = Duration::from_millis(1);

const ROUNDS: usize = 200;

pub(crate) fn run(runtime: &Runtime, kind: Kind) -> Result {
    runtime.block_on(measure(kind))
}

async fn measure(kind: Kind) -> Result {
    let events = std::env::var("CQRS_BENCH_EVENTS").ok().and_then(|it| it.parse().ok());
    let events: usize = events.unwrap_or(1_000_000);
    let database = Database::create(kind).await?;
    let store = database.store().await?;
    subject::fill(&store, events, 1).await?;
    let flooding = context(0);
    let shard = |ctx: &Context| stable_hash(&[ctx.tenant_id().map_or("", TenantId::as_str)]) % 16;
    let others = (1..).map(context).filter(|ctx| shard(ctx) == shard(&flooding));

    let handled = Arc::new(Notify::new());
    let handler = {
        let (handled, flooding) = (Arc::clone(&handled), flooding.tenant_id().cloned());
        Handler::event_fn("slow", move |_: Published<OrderPlaced>, ctx: Context| {
            let (handled, is_flooding) =
                (Arc::clone(&handled), ctx.tenant_id() == flooding.as_ref());
            async move {
                if is_flooding {
                    tokio::time::sleep(SLOW).await;
                } else {
                    handled.notify_one();
                }
                Ok(())
            }
        })
    };
    let handler = handler.options(HandlerOptions::DEFAULT.start(Start::Beginning));
    let app = App::builder().bare().store(store).register(handler).build()?;

    let mut waits = Vec::new();
    for (round, ctx) in others.take(ROUNDS).enumerate() {
        let began = Instant::now();
        app.events().publish(&ctx, OrderPlaced::new(1)).await?;
        // The first one waits behind the backlog when the handler starts.
        app.start().await?;
        handled.notified().await;
        if round == 0 {
            println!(
                "backlog of {events}: an event behind it, after the start {:.1?}",
                began.elapsed()
            );
        } else {
            waits.push(began.elapsed());
        }
    }
    waits.sort_unstable();
    let (middle, last) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!(
        "  publish until handled beside it, p50 {middle:.1?}, longest {last:.1?} (at most 1 s)"
    );
    let _ = app.shutdown(Duration::from_secs(1)).await;
    database.drop().await
}
