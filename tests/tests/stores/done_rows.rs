//! What must not happen twice leaves a row.

use std::marker::PhantomData;
use std::time::Duration;

use cqrs_core::Handler;
use cqrs_core::log::{Change, DoneRow, Lease, Parked, Position, SeenEvent, SubscriptionId};
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use futures_util::future::join_all;
use jiff::Timestamp;
use uuid::Uuid;

use crate::applications::{Counted, Seen, app, idle, publish, stop};
use crate::harness::Harness;
use crate::support::{
    LONG, Member, SHORT, append, append_entry, change, effect, entry, event, eventually, failed,
    payloads, read_all, save, seen, subscribe,
};

fn row(subscription: SubscriptionId, lease: Lease, of: SeenEvent) -> DoneRow {
    DoneRow { subscription, lease, position: of.position, event: of.id }
}

/// A node with all shards; `shard` has the first events of the log.
struct Scene {
    member: Member,
    subscription: SubscriptionId,
    other: SubscriptionId,
    lease: Lease,
    other_lease: Lease,
    positions: Vec<Position>,
    events: Vec<SeenEvent>,
    other_event: SeenEvent,
}

impl Scene {
    async fn new(harness: &impl Harness) -> Self {
        let store = harness.store();
        let [subscription, other] = subscribe(&*store, ["index", "mail"]).await;
        let (member, leases) = Member::alone(store.clone()).await;
        let positions = append(&*store, 2, 5).await;
        let events = seen(&*store, &positions).await;
        let other_event = seen(&*store, &append(&*store, 5, 1).await).await[0];
        let (lease, other_lease) = (leases[&2], leases[&5]);
        Self { member, subscription, other, lease, other_lease, positions, events, other_event }
    }

    fn row(&self, index: usize) -> DoneRow {
        row(self.subscription, self.lease, self.events[index])
    }

    fn rows_elsewhere(&self) -> [DoneRow; 2] {
        [
            row(self.other, self.lease, self.events[0]),
            row(self.subscription, self.other_lease, self.other_event),
        ]
    }

    /// Whether an entry with this row goes in.
    async fn goes_in(&self, row: DoneRow) -> bool {
        append_entry(&*self.member.store, effect("\"effect\"", [row])).await.is_some()
    }

    fn change(&self, index: usize) -> Change {
        let checkpoint = self.positions[index];
        Change { forget_done: true, ..change(self.subscription, self.lease, checkpoint) }
    }

    async fn save(&self, change: Change) {
        save(&*self.member.store, change).await;
    }
}

pub(crate) async fn an_entry_is_left_out_if_its_done_row_is_there(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    assert!(scene.goes_in(scene.row(0)).await);
    let entries = [
        entry([event(1, "\"before\"")]),
        effect("\"twice\"", [scene.row(0)]),
        effect("\"once\"", [scene.row(1)]),
        entry([event(1, "\"after\"")]),
    ];
    let appended = harness.another().await.append(&entries).await.unwrap();
    let expected = [Some(8), None, Some(9), Some(10)].map(|position| position.map(Position));
    assert_eq!(appended, expected);
    let payloads = payloads(&*harness.store()).await;
    assert_eq!(payloads[6..], ["\"effect\"", "\"before\"", "\"once\"", "\"after\""]);
}

pub(crate) async fn an_entry_is_left_out_if_its_lease_is_stale(harness: impl Harness) {
    let store = harness.store();
    let [subscription] = subscribe(&*store, ["index"]).await;
    let event_of_row = seen(&*store, &append(&*store, 2, 1).await).await[0];
    let shards = usize::from(store.profile().shards);
    let old = Member::join(store.clone(), SHORT).await.claim(usize::MAX, &[]).await;
    let new = Member::join(harness.another().await, LONG).await.claim_all(shards, &[]).await;
    let lease = |claims: &[cqrs_core::log::Claim]| {
        claims.iter().map(|claim| claim.lease).find(|lease| lease.shard == 2).unwrap()
    };
    let stale = effect("\"stale\"", [row(subscription, lease(&old), event_of_row)]);
    let valid = effect("\"valid\"", [row(subscription, lease(&new), event_of_row)]);
    let unknown = Lease { token: lease(&new).token + 1, ..lease(&new) };
    let unknown = effect("\"unknown\"", [row(subscription, unknown, event_of_row)]);
    let entries = [stale, unknown, entry([event(1, "\"no row\"")]), valid];
    let appended = store.append(&entries).await.unwrap();
    assert_eq!(appended, [None, None, Some(Position(2)), Some(Position(3))]);
    assert_eq!(payloads(&*store).await, ["1", "\"no row\"", "\"valid\""]);
}

pub(crate) async fn an_entry_is_left_out_if_the_log_does_not_have_its_event(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    let another = DoneRow { event: Uuid::now_v7(), ..scene.row(0) };
    let elsewhere = DoneRow { position: scene.positions[1], ..scene.row(0) };
    let beyond = DoneRow { position: Position(1_000), ..scene.row(0) };
    for row in [another, elsewhere, beyond] {
        assert!(!scene.goes_in(row).await);
    }
    let rows = [scene.row(0), another];
    assert_eq!(append_entry(&*harness.store(), effect(1, rows)).await, None);
    assert!(scene.goes_in(scene.row(0)).await);
    assert!(scene.goes_in(scene.row(1)).await);
}

pub(crate) async fn an_entry_writes_all_of_its_done_rows_or_none(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    let store = harness.store();
    assert!(scene.goes_in(scene.row(1)).await);
    let rows = [scene.row(0), scene.row(1), scene.row(2)];
    assert_eq!(append_entry(&*store, effect(1, rows)).await, None);
    assert!(append_entry(&*store, effect(2, [scene.row(0), scene.row(2)])).await.is_some());
    assert!(!scene.goes_in(scene.row(0)).await);
    assert!(!scene.goes_in(scene.row(2)).await);
}

pub(crate) async fn a_done_row_counts_once_within_a_call(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    let entries = [1, 2, 3].map(|number| effect(number, [scene.row(0)]));
    let appended = harness.store().append(&entries).await.unwrap();
    assert_eq!(appended, [Some(Position(7)), None, None]);
}

pub(crate) async fn subscriptions_have_their_own_done_rows(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    assert!(scene.goes_in(row(scene.subscription, scene.lease, scene.events[0])).await);
    assert!(scene.goes_in(row(scene.other, scene.lease, scene.events[0])).await);
}

pub(crate) async fn of_many_owners_of_a_delivery_one_has_the_effect(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    let stores = [harness.store(), harness.another().await];
    for index in 0..5 {
        let attempts = (0..8).map(|attempt: usize| {
            let store = stores[attempt % 2].clone();
            let entry = effect(attempt, [scene.row(index)]);
            tokio::spawn(async move { append_entry(&*store, entry).await })
        });
        let attempts = join_all(attempts).await;
        let effects = attempts.into_iter().filter_map(Result::unwrap).count();
        assert_eq!(effects, 1);
    }
}

pub(crate) async fn done_rows_survive_a_crash(mut harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    assert!(scene.goes_in(scene.row(0)).await);
    harness.reopen().await;
    let store = harness.store();
    assert_eq!(append_entry(&*store, effect(1, [scene.row(0)])).await, None);
    assert!(append_entry(&*store, effect(1, [scene.row(1)])).await.is_some());
}

pub(crate) async fn done_rows_up_to_the_checkpoint_are_forgotten(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    for index in 0..5 {
        assert!(scene.goes_in(scene.row(index)).await);
    }
    scene.save(scene.change(2)).await;
    for (index, is_forgotten) in [true, true, true, false, false].into_iter().enumerate() {
        assert_eq!(scene.goes_in(scene.row(index)).await, is_forgotten, "{index}");
    }
}

pub(crate) async fn done_rows_are_kept_until_a_change_forgets_them(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    assert!(scene.goes_in(scene.row(0)).await);
    scene.save(Change { forget_done: false, ..scene.change(1) }).await;
    assert!(!scene.goes_in(scene.row(0)).await);
    scene.save(scene.change(1)).await;
    assert!(scene.goes_in(scene.row(0)).await);
}

pub(crate) async fn done_rows_of_parked_deliveries_are_kept(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    for index in 0..3 {
        assert!(scene.goes_in(scene.row(index)).await);
    }
    let park = [0, 1].map(|index| failed(scene.positions[index], 1)).to_vec();
    scene.save(Change { park, ..scene.change(4) }).await;
    assert!(!scene.goes_in(scene.row(0)).await);
    assert!(!scene.goes_in(scene.row(1)).await);
    assert!(scene.goes_in(scene.row(2)).await);

    // The delivery is settled: its rows go together.
    scene.save(Change { unpark: vec![scene.positions[0]], ..scene.change(4) }).await;
    assert!(scene.goes_in(scene.row(0)).await);
    assert!(!scene.goes_in(scene.row(1)).await);
}

pub(crate) async fn done_rows_of_other_shards_and_subscriptions_are_kept(harness: impl Harness) {
    let scene = Scene::new(&harness).await;
    for row in scene.rows_elsewhere() {
        assert!(scene.goes_in(row).await);
    }
    let checkpoint = Position(scene.other_event.position.0 + 2);
    scene.save(Change { checkpoint, ..scene.change(4) }).await;
    for row in scene.rows_elsewhere() {
        assert!(!scene.goes_in(row).await);
    }
}

/// A transactional handler that notes what it sees.
struct Index<T> {
    seen: Seen,
    transaction: PhantomData<fn(T)>,
}

impl<T: Send + 'static> TransactionalEventHandler<Counted> for Index<T> {
    type Transaction = T;

    async fn handle(&self, event: &Counted, _: &mut T, _: &Context) -> HandlerResult {
        self.seen.add(event.counter, event.number);
        Ok(())
    }
}

pub(crate) async fn a_done_row_of_an_owner_before_is_forgotten<T: Send + 'static>(
    harness: impl Harness,
) {
    let store = harness.store();
    let scene = Scene::new(&harness).await;
    let publisher = app(harness.another().await, []).await;
    publish(&publisher, 1, 1).await;
    stop(publisher).await;
    let event = read_all(&*store).await.pop().unwrap();
    // An owner that ended after its transaction, and before it has saved that the parked delivery is settled.
    let leases = scene.member.beat().await;
    let lease = leases.iter().find(|it| it.shard == event.event.shard).copied().unwrap();
    let due = Some(Timestamp::now() + Duration::from_secs(1));
    let parked = Parked { due, ..failed(event.position, 1) };
    let parked = Change { park: vec![parked], ..change(scene.subscription, lease, event.position) };
    scene.save(parked).await;
    let of = SeenEvent { position: event.position, id: event.event.id };
    assert!(scene.goes_in(row(scene.subscription, lease, of)).await);
    scene.member.release(&leases).await;
    store.leave(&scene.member.node).await.unwrap();

    let seen = Seen::default();
    let index = Index::<T> { seen: seen.clone(), transaction: PhantomData };
    let index = Handler::transactional_events("index", index).on::<Counted>();
    let app = app(harness.another().await, [HandlerRegistration::from(index)]).await;
    // Its checkpoint is saved before the parked delivery is due.
    publish(&app, 2, 1).await;
    eventually("both were attempted", async || seen.len() == 2).await;
    idle(&app).await;
    stop(app).await;
    let (_, leases) = Member::alone(store.clone()).await;
    let lease = leases[&event.event.shard];
    assert!(scene.goes_in(row(scene.subscription, lease, of)).await, "the done row is there");
}
