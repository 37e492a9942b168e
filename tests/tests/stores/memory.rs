//! The store in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use cqrs_core::log::{MemoryStore, Store};
use cqrs_core::prelude::*;
use cqrs_core::{Handler, Published};

use crate::applications::Counted;
use crate::harness::Harness;
use crate::support::LEASE;

/// A clone of the store is another process, or the same one after a crash.
struct Memory(MemoryStore);

impl Harness for Memory {
    type Transaction = ();

    async fn open() -> Self {
        Self(MemoryStore::new().lease(LEASE))
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    async fn another(&self) -> Arc<dyn Store> {
        self.store()
    }

    async fn reopen(&mut self) {
        self.0 = self.0.clone();
    }
}

suite!(Memory);

/// The leases of a process that stood still have ended by its own clock, but no other node has taken its shards.
#[tokio::test]
async fn a_process_that_stood_still_handles_everything_in_order() {
    let lease = Duration::from_millis(100);
    let app = App::builder().bare().store(MemoryStore::new().lease(lease));
    let numbers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&numbers);
    let app = app.register(Handler::event_fn("note", move |event: Published<Counted>, _| {
        seen.lock().unwrap().push(event.number);
        async { Ok(()) }
    }));
    let app = app.build().unwrap();
    app.start().await.unwrap();
    let ctx = Context::for_tenant("acme").unwrap();
    for number in 0..100 {
        app.events().publish(&ctx, Counted { counter: 1, number }).await.unwrap();
        if number % 20 == 10 {
            // The runtime has one thread, so this stops all of the application.
            std::thread::sleep(lease * 2);
        }
    }
    tokio::time::timeout(Duration::from_secs(10), app.idle()).await.unwrap();
    let mut numbers = numbers.lock().unwrap().clone();
    // What was handled after the last checkpoint is handled again.
    let mut first = BTreeSet::new();
    numbers.retain(|number| first.insert(*number));
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}
