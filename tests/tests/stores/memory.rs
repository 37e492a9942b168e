//! The store in memory.

use std::sync::Arc;

use cqrs_core::log::{DeadDelivery, MemoryStore, Store, SubscriptionId};

use crate::harness::Harness;
use crate::support::LEASE;

/// A clone of the store is another process, or the same one after a crash.
struct Memory(MemoryStore);

impl Harness for Memory {
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

    async fn dead(&self, subscription: SubscriptionId) -> Vec<DeadDelivery> {
        self.0.dead(subscription)
    }
}

suite!(Memory);
