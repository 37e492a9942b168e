//! Rate and pressure in the delivery lanes: tenants take turns, attempts are spaced, a failing handler
//! is left alone, and a handler can be paused.

mod breaker;
mod pause;
mod rate;
mod tenants;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cqrs_core::operations::{DeliveryFilter, FailedDelivery};
use cqrs_core::prelude::*;
use cqrs_core::{AppBuilder, HandlerOptions, RetryPolicy};
use tokio::time::Instant;

#[derive(Serialize, Deserialize, Event)]
struct OrderPlaced {
    #[event(entity_id)]
    number: u32,
}

/// Only what a test registers itself.
fn builder() -> AppBuilder {
    App::builder().bare()
}

fn tenant(name: &str) -> Context {
    Context::for_tenant(name).expect("a valid tenant")
}

async fn dead_letters(app: &App) -> Vec<FailedDelivery> {
    app.operations().failed(&DeliveryFilter::dead()).await.expect("in memory")
}

/// One attempt, no time-out.
const ONCE: HandlerOptions = HandlerOptions::DEFAULT.retry(RetryPolicy::none()).timeout(None);

/// Lets every other task run until it waits, on a current-thread runtime with a paused clock.
async fn everybody_waits() {
    tokio::time::sleep(Duration::from_nanos(1)).await;
}

/// What a handler saw, and when.
#[derive(Clone)]
struct Log<T> {
    began: Instant,
    entries: Arc<Mutex<Vec<(Duration, T)>>>,
}

impl<T: Clone> Log<T> {
    fn new() -> Self {
        Self { began: Instant::now(), entries: Arc::default() }
    }

    fn add(&self, entry: T) {
        let entry = (self.began.elapsed(), entry);
        self.entries.lock().expect("no panic while it is locked").push(entry);
    }

    fn entries(&self) -> Vec<T> {
        self.timed().into_iter().map(|(_, entry)| entry).collect()
    }

    /// With the time since the log began.
    fn timed(&self) -> Vec<(Duration, T)> {
        self.entries.lock().expect("no panic while it is locked").clone()
    }

    /// In whole milliseconds, below which a test's own waiting may lie.
    fn milliseconds(&self) -> Vec<u128> {
        self.timed().into_iter().map(|(at, _)| at.as_millis()).collect()
    }
}
