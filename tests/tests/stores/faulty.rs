//! A store that fails when a test says so, and knows what has happened.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cqrs_core::log::{Change, Claim, Entry, Position, Profile, Store, StoreError, SubscriptionId};
use cqrs_tests::intercepted::{Intercepted, Interceptor};

pub(crate) use cqrs_tests::intercepted::Call;

use crate::support::{LEASE, eventually};

/// A store that fails when a test says so.
pub(crate) type Faulty = Intercepted<Faults>;

/// What becomes of the calls of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The store is not available.
    Fails,
    /// The store answers late.
    Delays(Duration),
    /// The store does not answer until it is healed.
    Hangs,
}

/// The faults of a store, and what has happened.
#[derive(Debug)]
pub(crate) struct Faults {
    lease: Duration,
    of_calls: Mutex<HashMap<Call, Fault>>,
    /// The name of events that are refused, and a text in their payload.
    refused: Mutex<Option<(&'static str, &'static str)>>,
    happened: Mutex<Happened>,
}

#[derive(Debug, Default)]
struct Happened {
    failed: HashMap<Call, usize>,
    hung: HashMap<Call, usize>,
    answered: HashMap<Call, usize>,
    parked: HashSet<(SubscriptionId, Position)>,
    shards: HashSet<u16>,
    last_beat: Option<Instant>,
}

pub(crate) fn faulty(inner: Arc<dyn Store>) -> Arc<Faulty> {
    faulty_with_lease(inner, LEASE)
}

pub(crate) fn faulty_with_lease(inner: Arc<dyn Store>, lease: Duration) -> Arc<Faulty> {
    let (of_calls, refused, happened) = Default::default();
    Arc::new(Intercepted::new(inner, Faults { lease, of_calls, refused, happened }))
}

impl Faults {
    pub(crate) fn begin(&self, fault: Fault, calls: impl IntoIterator<Item = Call>) {
        self.of_calls.lock().unwrap().extend(calls.into_iter().map(|call| (call, fault)));
    }

    /// Refuses to append events of this name with this text in their payload.
    pub(crate) fn refuse(&self, name: &'static str, text: &'static str) {
        *self.refused.lock().unwrap() = Some((name, text));
    }

    pub(crate) fn heal(&self) {
        self.of_calls.lock().unwrap().clear();
    }

    /// Waits until the next failure.
    pub(crate) async fn fails_again(&self, call: Call) {
        let failures = || self.happened.lock().unwrap().failed.get(&call).copied();
        let before = failures();
        eventually("a call fails", async || failures() > before).await;
    }

    /// Waits until the next call that hangs.
    pub(crate) async fn hangs_again(&self, call: Call) {
        let hung = || self.happened.lock().unwrap().hung.get(&call).copied();
        let before = hung();
        eventually("a call hangs", async || hung() > before).await;
    }

    /// Heals the calls of this function, and waits until the store has answered one.
    pub(crate) async fn answers_again(&self, call: Call) {
        let answered = || self.happened.lock().unwrap().answered.get(&call).copied();
        let before = answered();
        self.of_calls.lock().unwrap().remove(&call);
        eventually("a call is answered", async || answered() > before).await;
    }

    /// How many deliveries were parked.
    pub(crate) fn parked(&self) -> usize {
        self.happened.lock().unwrap().parked.len()
    }

    /// Waits until so many deliveries were parked.
    pub(crate) async fn has_parked(&self, count: usize) {
        eventually("the deliveries are parked", async || self.parked() >= count).await;
    }

    /// Waits until so many shards were claimed.
    pub(crate) async fn has_claimed(&self, count: usize) {
        let shards = || self.happened.lock().unwrap().shards.len();
        eventually("the shards are claimed", async || shards() >= count).await;
    }

    /// Waits until the node cannot renew its leases any more.
    pub(crate) async fn has_lost_its_leases(&self) {
        let last_beat = || self.happened.lock().unwrap().last_beat.expect("it has lived");
        eventually("the leases end", async || last_beat().elapsed() > self.lease).await;
    }

    fn fault(&self, call: Call) -> Option<Fault> {
        self.of_calls.lock().unwrap().get(&call).copied()
    }
}

impl Interceptor for Faults {
    fn profile(&self, inner: Profile) -> Profile {
        Profile { lease: self.lease, ..inner }
    }

    async fn before(&self, call: Call) -> Result<(), StoreError> {
        match self.fault(call) {
            None => {}
            Some(Fault::Fails) => {
                *self.happened.lock().unwrap().failed.entry(call).or_default() += 1;
                return Err(StoreError::Unavailable("switched off".into()));
            }
            Some(Fault::Delays(by)) => tokio::time::sleep(by).await,
            Some(Fault::Hangs) => {
                *self.happened.lock().unwrap().hung.entry(call).or_default() += 1;
                while matches!(self.fault(call), Some(Fault::Hangs)) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
        Ok(())
    }

    fn after(&self, call: Call) {
        if call == Call::Beat {
            self.happened.lock().unwrap().last_beat = Some(Instant::now());
        }
    }

    fn answered(&self, call: Call) {
        *self.happened.lock().unwrap().answered.entry(call).or_default() += 1;
    }

    fn appends(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let Some((name, text)) = *self.refused.lock().unwrap() else { return Ok(()) };
        let mut events = entries.iter().flat_map(|entry| &entry.events);
        if events.any(|it| it.name == name && it.payload.contains(text)) {
            return Err(StoreError::Refused("a wrong entry".into()));
        }
        Ok(())
    }

    fn claimed(&self, claims: &[Claim]) {
        let shards = claims.iter().map(|claim| claim.lease.shard);
        self.happened.lock().unwrap().shards.extend(shards);
    }

    fn saved(&self, changes: &[Change]) {
        let parked = changes.iter().flat_map(|change| {
            change.park.iter().map(|parked| (change.subscription, parked.position))
        });
        self.happened.lock().unwrap().parked.extend(parked);
    }
}
