//! What many tests need.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cqrs_core::log::{
    Change, Claim, DeadDelivery, DeliveryFilter, DoneRow, Entry, Lease, LogEvent, LoggedEvent,
    NewSubscription, Node, Parked, Position, SeenEvent, Start, Store, StoredFailure,
    SubscriptionId,
};
use jiff::Timestamp;
use uuid::Uuid;

/// How long a node of an application keeps its shards.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_mins(10);

/// A life after which a test can wait.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// An event of this shard, with a payload by which it is known again.
#[expect(clippy::needless_pass_by_value, reason = "most payloads are numbers")]
pub(crate) fn event(shard: u16, payload: impl ToString) -> LogEvent {
    LogEvent {
        id: Uuid::now_v7(),
        name: "employee.created".into(),
        version: 1,
        shard,
        key: Some(7),
        tenant: Some("acme".to_owned()),
        entity: Some("Employee".into()),
        entity_id: Some("7".to_owned()),
        context: r#"{"tenant":"acme"}"#.to_owned(),
        payload: payload.to_string(),
    }
}

pub(crate) fn entry(events: impl IntoIterator<Item = LogEvent>) -> Entry {
    Entry { events: events.into_iter().collect(), ..Entry::default() }
}

/// An event that is the effect of deliveries.
pub(crate) fn effect(payload: impl ToString, done: impl IntoIterator<Item = DoneRow>) -> Entry {
    Entry { done: done.into_iter().collect(), ..entry([event(0, payload)]) }
}

/// Appends `count` events of this shard. Their payloads are 1, 2, 3 and so on. Returns their positions.
pub(crate) async fn append(store: &dyn Store, shard: u16, count: u64) -> Vec<Position> {
    let first = append_entry(store, entry((1..=count).map(|number| event(shard, number)))).await;
    let first = first.expect("no done row is in the way");
    (first.0..).map(Position).zip(1..=count).map(|(position, _)| position).collect()
}

pub(crate) async fn append_entry(store: &dyn Store, entry: Entry) -> Option<Position> {
    let appended = store.append(&[entry]).await.unwrap();
    assert_eq!(appended.len(), 1);
    appended[0]
}

/// The events at these positions.
pub(crate) async fn seen(store: &dyn Store, positions: &[Position]) -> Vec<SeenEvent> {
    let events = store.read_at(positions).await.unwrap().into_iter();
    events.map(|it| SeenEvent { position: it.position, id: it.event.id }).collect()
}

/// The log from its start.
pub(crate) async fn read_all(store: &dyn Store) -> Vec<LoggedEvent> {
    let mut events: Vec<LoggedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(Position::START, |last| last.position);
        let page = store.read(after, 1_000).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

pub(crate) async fn payloads(store: &dyn Store) -> Vec<String> {
    read_all(store).await.into_iter().map(|logged| logged.event.payload).collect()
}

/// The numbers of subscriptions with these names, from the beginning of the log.
pub(crate) async fn subscribe<const N: usize>(
    store: &dyn Store,
    names: [&str; N],
) -> [SubscriptionId; N] {
    let wanted = names.map(|name| NewSubscription { name, start: Start::Beginning });
    let subscriptions = store.register(&wanted).await.unwrap();
    names.map(|name| subscriptions.iter().find(|it| it.name == name).expect("registered").id)
}

/// A node with its handle of the store.
pub(crate) struct Member {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) node: Node,
}

impl Member {
    /// A node that lives for `ttl` from now.
    pub(crate) async fn join(store: Arc<dyn Store>, ttl: Duration) -> Self {
        let node = Node { id: Uuid::now_v7(), ttl, about: "a test".to_owned() };
        let member = Self { store, node };
        member.beat().await;
        member
    }

    /// A node that has all shards for as long as the test takes.
    pub(crate) async fn alone(store: Arc<dyn Store>) -> (Self, BTreeMap<u16, Lease>) {
        let member = Self::join(store, LONG).await;
        let leases = member.claim(usize::MAX, &[]).await;
        assert_eq!(leases.len(), usize::from(member.store.profile().shards));
        let leases = leases.into_iter().map(|claim| (claim.lease.shard, claim.lease)).collect();
        (member, leases)
    }

    pub(crate) async fn beat(&self) -> Vec<Lease> {
        let mut leases = self.store.beat(&self.node).await.unwrap().leases;
        leases.sort_by_key(|lease| lease.shard);
        leases
    }

    pub(crate) async fn claim(
        &self,
        at_most: usize,
        subscriptions: &[SubscriptionId],
    ) -> Vec<Claim> {
        self.store.claim(&self.node, at_most, subscriptions).await.unwrap()
    }

    /// Claims until it has got `count` shards.
    pub(crate) async fn claim_all(
        &self,
        count: usize,
        subscriptions: &[SubscriptionId],
    ) -> Vec<Claim> {
        let mut claims = Vec::new();
        eventually("the shards are free", async || {
            claims.extend(self.claim(count - claims.len(), subscriptions).await);
            claims.len() == count
        })
        .await;
        claims
    }

    pub(crate) async fn release(&self, leases: &[Lease]) {
        self.store.release(&self.node, leases).await.unwrap();
    }

    /// Gives a shard back and claims it again. It must be the only one that is free then.
    pub(crate) async fn claim_again(
        &self,
        lease: Lease,
        subscriptions: &[SubscriptionId],
    ) -> Claim {
        self.release(&[lease]).await;
        let mut claims = self.claim(usize::MAX, subscriptions).await;
        assert_eq!(claims.len(), 1);
        let claim = claims.remove(0);
        assert_eq!(claim.lease.shard, lease.shard);
        claim
    }
}

pub(crate) fn lease_numbers(claims: &[Claim]) -> Vec<u16> {
    let mut shards: Vec<_> = claims.iter().map(|claim| claim.lease.shard).collect();
    shards.sort_unstable();
    shards
}

/// A change that moves the checkpoint, and nothing else.
pub(crate) fn change(subscription: SubscriptionId, lease: Lease, checkpoint: Position) -> Change {
    Change {
        subscription,
        lease,
        checkpoint,
        ahead: None,
        park: Vec::new(),
        unpark: Vec::new(),
        dead: Vec::new(),
        forget_done: false,
    }
}

/// Saves a change whose lease is valid.
pub(crate) async fn save(store: &dyn Store, change: Change) {
    assert_eq!(store.save(&[change], &[]).await.unwrap(), []);
}

/// The dead letters of a subscription.
pub(crate) async fn dead_of(store: &dyn Store, of: SubscriptionId) -> Vec<DeadDelivery> {
    let dead = store.failed(&DeliveryFilter::dead()).await.unwrap();
    let dead = dead.into_iter().filter(|it| it.subscription.id == of);
    let dead = dead.map(|StoredFailure { event, attempts, error, .. }| DeadDelivery {
        event,
        attempts,
        error,
    });
    dead.collect()
}

/// A delivery that has failed and is tried again at a time that any store can keep.
pub(crate) fn failed(position: Position, attempts: u32) -> Parked {
    let due = Timestamp::from_millisecond(1_767_225_600_123).expect("a time");
    let error = Some(format!("attempt {attempts}: no “route” 🙈"));
    Parked { position, attempts, due: Some(due), error, died_at: None }
}

/// A delivery that waits behind another one.
pub(crate) fn waiting(position: Position) -> Parked {
    Parked { position, attempts: 0, due: None, error: None, died_at: None }
}

/// Waits until `condition` is true.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "this never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
