//! Events end to end, from 64 publishers to one handler that counts, beside other libraries on the same database.
//!
//! Each library is used as its documentation shows, on a database of its own that is as durable as that of the store.

mod apalis;
mod evento;
mod ours;

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::runtime::Runtime;

use crate::Result;
use crate::database::Kind;
use crate::subject::Handled;

const PUBLISHERS: usize = 64;

const ROUNDS: usize = 3;

pub(crate) fn run(runtime: &Runtime, kind: Kind) -> Result {
    if kind == Kind::SqliteNormal {
        return Ok(());
    }
    for _ in 0..ROUNDS {
        let ours = runtime.block_on(ours::measure(kind))?;
        report("cqrs", ours, ours);
        report("evento", ours, runtime.block_on(evento::measure(kind))?);
        report("apalis", ours, runtime.block_on(apalis::measure(kind))?);
    }
    Ok(())
}

/// What a library did with so many events.
#[derive(Clone, Copy)]
struct Measured {
    events: usize,
    /// Until the last publisher had its answer.
    published: Duration,
    /// Until the handler had all events.
    handled: Duration,
}

impl Measured {
    fn rate(self) -> f64 {
        self.events as f64 / self.handled.as_secs_f64()
    }
}

fn report(name: &str, ours: Measured, it: Measured) {
    let accepted = it.events as f64 / it.published.as_secs_f64();
    println!(
        "{name:<8} {:>6} events: {:>7.0} events/s handled, {accepted:>7.0} accepted; cqrs is {:.1} times as fast",
        it.events,
        it.rate(),
        ours.rate() / it.rate()
    );
}

/// `publish` is called with the number of each event, by 64 publishers that await each call.
async fn publish_all<F>(
    events: usize,
    handled: &Handled,
    publish: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Result<Measured>
where
    F: Future<Output = Result> + Send,
{
    let began = Instant::now();
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let publish = publish.clone();
        tokio::spawn(async move {
            for event in (publisher..events).step_by(PUBLISHERS) {
                publish(event).await?;
            }
            Result::Ok(())
        })
    });
    for outcome in try_join_all(publishers).await? {
        outcome?;
    }
    let published = began.elapsed();
    handled.wait_for(events as u64).await;
    Ok(Measured { events, published, handled: began.elapsed() })
}
