//! What several guarantees' tests need.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cqrs_core::{Context, HandlerOptions, RetryPolicy};

/// A context for a tenant named `acme`.
pub(crate) fn acme() -> Context {
    Context::for_tenant("acme").expect("a valid tenant")
}

/// One attempt, no time-out: for tests in which neither shall play a part.
pub(crate) const ONCE: HandlerOptions =
    HandlerOptions::DEFAULT.retry(RetryPolicy::none()).timeout(None);

/// What handlers saw, in order.
#[derive(Debug)]
pub(crate) struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Log<T> {
    pub(crate) fn add(&self, entry: T) {
        self.0.lock().expect("no panic while it is locked").push(entry);
    }

    pub(crate) fn entries(&self) -> Vec<T> {
        self.0.lock().expect("no panic while it is locked").clone()
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Lets every other task run until it waits, on a current-thread runtime with a paused clock.
pub(crate) async fn everybody_waits() {
    tokio::time::sleep(Duration::from_nanos(1)).await;
}
