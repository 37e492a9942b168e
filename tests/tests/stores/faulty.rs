//! A store that fails when a test says so.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    Beat, Change, Claim, Entry, EventLog, Lease, LoggedEvent, NewSubscription, Node, Position,
    Profile, Progress, Store, StoreError, Subscription, SubscriptionId, Units,
};

/// A function of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Append,
    Read,
    Register,
    Beat,
    Claim,
    Save,
}

/// What becomes of the calls of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The store is not available.
    Fails,
    /// The store refuses events of this name with this text in their payload.
    Refuses { name: &'static str, text: &'static str },
    /// The store answers late.
    Delays(Duration),
    /// The store does not answer until it is healed.
    Hangs,
}

/// A store that fails when a test says so.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    lease: Duration,
    faults: Mutex<HashMap<Call, Fault>>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Self::with_lease(inner, crate::support::LEASE)
    }

    pub(crate) fn with_lease(inner: Arc<dyn Store>, lease: Duration) -> Arc<Self> {
        Arc::new(Self { inner, lease, faults: Mutex::default() })
    }

    pub(crate) fn begin(&self, fault: Fault, calls: impl IntoIterator<Item = Call>) {
        let calls = calls.into_iter().map(|call| (call, fault));
        self.faults.lock().unwrap().extend(calls);
    }

    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    fn fault(&self, call: Call) -> Option<Fault> {
        self.faults.lock().unwrap().get(&call).copied()
    }

    async fn pass(&self, call: Call, entries: &[Entry]) -> Result<(), StoreError> {
        let Some(fault) = self.fault(call) else { return Ok(()) };
        match fault {
            Fault::Fails => Err(StoreError::Unavailable("switched off".into())),
            Fault::Refuses { name, text } => {
                let mut events = entries.iter().flat_map(|entry| &entry.events);
                let is_refused = events.any(|it| it.name == name && it.payload.contains(text));
                if is_refused { Err(StoreError::Refused("a wrong entry".into())) } else { Ok(()) }
            }
            Fault::Delays(by) => {
                tokio::time::sleep(by).await;
                Ok(())
            }
            Fault::Hangs => {
                while matches!(self.fault(call), Some(Fault::Hangs)) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Ok(())
            }
        }
    }
}

impl Store for Faulty {
    fn units(&self) -> Option<&dyn Units> {
        self.inner.units()
    }
}

impl EventLog for Faulty {
    fn profile(&self) -> Profile {
        Profile { lease: self.lease, ..self.inner.profile() }
    }

    fn append<'a>(
        &'a self,
        entries: &'a [Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>> {
        Box::pin(async move {
            self.pass(Call::Append, entries).await?;
            self.inner.append(entries).await
        })
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LoggedEvent>, StoreError>> {
        Box::pin(async move {
            self.pass(Call::Read, &[]).await?;
            self.inner.read(after, limit).await
        })
    }

    fn read_at<'a>(
        &'a self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        Box::pin(async move {
            self.pass(Call::Read, &[]).await?;
            self.inner.read_at(positions).await
        })
    }

    fn range(&self) -> BoxFuture<'_, Result<RangeInclusive<Position>, StoreError>> {
        Box::pin(async move {
            self.pass(Call::Read, &[]).await?;
            self.inner.range().await
        })
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        self.inner.news()
    }
}

impl Progress for Faulty {
    fn register<'a>(
        &'a self,
        wanted: &'a [NewSubscription<'a>],
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StoreError>> {
        Box::pin(async move {
            self.pass(Call::Register, &[]).await?;
            self.inner.register(wanted).await
        })
    }

    fn beat<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Beat, StoreError>> {
        Box::pin(async move {
            self.pass(Call::Beat, &[]).await?;
            self.inner.beat(node).await
        })
    }

    fn claim<'a>(
        &'a self,
        node: &'a Node,
        at_most: usize,
        subscriptions: &'a [SubscriptionId],
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>> {
        Box::pin(async move {
            self.pass(Call::Claim, &[]).await?;
            self.inner.claim(node, at_most, subscriptions).await
        })
    }

    fn release<'a>(
        &'a self,
        node: &'a Node,
        leases: &'a [Lease],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.release(node, leases)
    }

    fn leave<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.leave(node)
    }

    fn save<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Vec<Lease>, StoreError>> {
        Box::pin(async move {
            self.pass(Call::Save, &[]).await?;
            self.inner.save(changes).await
        })
    }
}
