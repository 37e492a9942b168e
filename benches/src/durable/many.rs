//! 100 handlers and 10,000 tenants, on an empty store and on one with a million events: whether rates, times and memory
//! stay as they are.

use std::time::{Duration, Instant};

use cqrs_core::HandlerOptions;
use cqrs_core::prelude::*;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;

use crate::Result;
use crate::database::{Database, Kind};
use crate::memory;
use crate::sample::{OrderPlaced, context};
use crate::subject::{self, Handled};

const HANDLERS: usize = 100;

const TENANTS: usize = 10_000;

const CALLERS: usize = 64;

/// By all callers.
const EVENTS: usize = 32_000;

/// By one caller that waits until all handlers have handled the event.
const SINGLE: usize = 300;

pub(crate) fn run(runtime: &Runtime, kind: Kind) -> Result {
    let old = std::env::var("CQRS_BENCH_EVENTS").ok().and_then(|it| it.parse().ok());
    println!("{HANDLERS} handlers, {TENANTS} tenants");
    runtime.block_on(measure(kind, 0))?;
    runtime.block_on(measure(kind, old.unwrap_or(1_000_000)))
}

async fn measure(kind: Kind, old: usize) -> Result {
    let database = Database::create(kind).await?;
    let store = database.store().await?;
    subject::fill(&store, old, TENANTS).await?;
    let handled = Arc::default();
    let builder = (0..HANDLERS).fold(App::builder().bare(), |builder, number| {
        let name = format!("count-{number}");
        builder.register(subject::counting(name, &handled, HandlerOptions::DEFAULT))
    });
    let app = Arc::new(builder.store(store).build()?);
    app.start().await?;
    println!("  {old} events in the store");
    memory::report("before the first event");
    one_caller(&app, &handled).await?;
    many_callers(&app, &handled).await?;
    memory::report("after the last event");
    let app = Arc::into_inner(app).expect("all callers have ended");
    subject::stop(app).await;
    database.drop().await
}

async fn one_caller(app: &App, handled: &Handled) -> Result {
    let (mut accepted, mut everywhere) = (Vec::new(), Vec::new());
    for number in 0..SINGLE {
        let began = Instant::now();
        app.events().publish(&context(number), OrderPlaced::new(1)).await?;
        accepted.push(began.elapsed());
        handled.wait_for(((number + 1) * HANDLERS) as u64).await;
        everywhere.push(began.elapsed());
    }
    println!("  one caller: accepted after {}", percentiles(&mut accepted));
    println!("  one caller: handled by all handlers after {}", percentiles(&mut everywhere));
    Ok(())
}

async fn many_callers(app: &Arc<App>, handled: &Handled) -> Result {
    let began = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            let mut accepted = Vec::new();
            for number in (caller..EVENTS).step_by(CALLERS) {
                let began = Instant::now();
                app.events().publish(&context(number % TENANTS), OrderPlaced::new(1)).await?;
                accepted.push(began.elapsed());
            }
            Result::Ok(accepted)
        })
    });
    let accepted = try_join_all(callers).await?.into_iter().collect::<Result<Vec<_>>>()?;
    let published = began.elapsed();
    handled.wait_for(((SINGLE + EVENTS) * HANDLERS) as u64).await;
    let lag = began.elapsed().saturating_sub(published);
    let rate = EVENTS as f64 / published.as_secs_f64();
    println!("  {CALLERS} callers: {rate:.0} events/s, all handled {lag:.1?} after the last");
    println!("  {CALLERS} callers: accepted after {}", percentiles(&mut accepted.concat()));
    Ok(())
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    format!("p50 {:.1?}, p99 {:.1?}", at(50), at(99))
}
