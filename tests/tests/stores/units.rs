//! Transactions in which users write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cqrs_core::log::{DoneRow, Lease, LogEvent, Position, SeenEvent, Store, Unit};
use futures_util::future::join_all;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::harness::Harness;
use crate::support::{
    LONG, Member, SHORT, append, append_entry, effect, entry, event, eventually, payloads,
    read_all, seen, subscribe,
};

async fn begin(store: &dyn Store) -> Box<dyn Unit> {
    store.units().expect("users can write in this store").begin(None).await.unwrap()
}

async fn publish(unit: &mut dyn Unit, payload: impl ToString) {
    unit.publish(&[event(0, payload)]).await.unwrap();
}

/// What happens to a delivery in a unit: it writes a note and publishes an event, if it is the first one.
async fn handle(harness: &impl Harness, store: &dyn Store, row: DoneRow, note: &str) -> bool {
    let mut unit = begin(store).await;
    harness.write(&mut *unit, note).await;
    publish(&mut *unit, format!("\"{note}\"")).await;
    unit.done(&[row]).await.unwrap() && unit.commit().await.is_ok()
}

/// A node with all shards, and a done row of the first event in the log.
async fn delivery(harness: &impl Harness) -> (Member, DoneRow) {
    let store = harness.store();
    let [subscription] = subscribe(&*store, ["index"]).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let SeenEvent { position, id } = seen(&*store, &append(&*store, 2, 1).await).await[0];
    (member, DoneRow { subscription, lease: leases[&2], position, event: id })
}

pub(crate) async fn the_effect_and_its_done_row_commit_together(mut harness: impl Harness) {
    let (_, row) = delivery(&harness).await;
    let store = harness.store();
    assert!(handle(&harness, &*store, row, "once").await);
    assert!(!handle(&harness, &*harness.another().await, row, "twice").await);
    harness.reopen().await;
    let store = harness.store();
    assert!(!handle(&harness, &*store, row, "again").await);
    assert_eq!(harness.notes().await, ["once"]);
    assert_eq!(payloads(&*store).await, ["1", "\"once\""]);
}

pub(crate) async fn what_a_unit_publishes_is_seen_after_its_commit(harness: impl Harness) {
    let (store, another) = (harness.store(), harness.another().await);
    let mut unit = begin(&*store).await;
    publish(&mut *unit, 1).await;
    unit.publish(&[event(3, 2), event(4, 3)]).await.unwrap();
    assert_eq!(another.read(Position::START, 10).await.unwrap(), []);
    unit.commit().await.unwrap();
    eventually("the events are there", async || payloads(&*another).await == ["1", "2", "3"]).await;
    let shards: Vec<_> = read_all(&*store).await.iter().map(|it| it.event.shard).collect();
    assert_eq!(shards, [0, 3, 4]);
}

pub(crate) async fn what_a_unit_published_comes_before_what_is_appended_later(
    harness: impl Harness,
) {
    let (store, another) = (harness.store(), harness.another().await);
    for round in 0..10 {
        let mut unit = begin(&*store).await;
        publish(&mut *unit, 2 * round).await;
        unit.commit().await.unwrap();
        append_entry(&*another, entry([event(0, 2 * round + 1)])).await;
    }
    let expected = (0..20).map(|number| number.to_string());
    assert!(payloads(&*store).await.into_iter().eq(expected));
}

pub(crate) async fn a_dropped_unit_leaves_no_trace(harness: impl Harness) {
    let (_, row) = delivery(&harness).await;
    let store = harness.store();
    for _ in 0..20 {
        let mut unit = begin(&*store).await;
        harness.write(&mut *unit, "dropped").await;
        publish(&mut *unit, "\"dropped\"").await;
        assert!(unit.done(&[row]).await.unwrap());
        drop(unit);
    }
    // No position was used, and the delivery can still have its effect.
    let appended = append_entry(&*harness.another().await, effect(2, [row])).await;
    assert_eq!(appended, Some(Position(2)));
    assert_eq!(payloads(&*store).await, ["1", "2"]);
    assert_eq!(harness.notes().await, [""; 0]);
}

pub(crate) async fn of_two_units_with_the_same_done_row_one_commits(harness: impl Harness) {
    let (member, row) = delivery(&harness).await;
    let stores = [harness.store(), harness.another().await];
    let positions = append(&*member.store, 2, 10).await;
    for SeenEvent { position, id } in seen(&*member.store, &positions).await {
        let row = DoneRow { position, event: id, ..row };
        let note = position.to_string();
        let units = stores.iter().map(|store| handle(&harness, &**store, row, &note));
        let first = join_all(units).await.into_iter().filter(|is_first| *is_first).count();
        assert_eq!(first, 1);
    }
    let notes: Vec<_> = (2..=11).map(|position| position.to_string()).collect();
    assert_eq!(harness.notes().await, notes);
}

pub(crate) async fn a_unit_and_an_append_have_one_effect(harness: impl Harness) {
    let (_, row) = delivery(&harness).await;
    let (store, another) = (harness.store(), harness.another().await);
    let (in_unit, appended) = tokio::join!(
        handle(&harness, &*store, row, "unit"),
        append_entry(&*another, effect("\"appended\"", [row])),
    );
    assert_ne!(in_unit, appended.is_some());
    assert_eq!(read_all(&*store).await.len(), 2);
    assert_eq!(harness.notes().await.len(), usize::from(in_unit));
}

pub(crate) async fn a_unit_with_a_stale_lease_is_refused(harness: impl Harness) {
    let row = with_short_life(&harness).await;
    let lease = take_over(harness.another().await, row.lease).await;
    assert!(!handle(&harness, &*harness.store(), row, "stale").await);
    assert!(handle(&harness, &*harness.store(), DoneRow { lease, ..row }, "valid").await);
    assert_eq!(harness.notes().await, ["valid"]);
}

/// The done row of a node that expires soon.
async fn with_short_life(harness: &impl Harness) -> DoneRow {
    let store = harness.store();
    let [subscription] = subscribe(&*store, ["index"]).await;
    let SeenEvent { position, id } = seen(&*store, &append(&*store, 2, 1).await).await[0];
    let claims = Member::join(store, SHORT).await.claim(usize::MAX, &[]).await;
    let lease = claims.iter().map(|claim| claim.lease).find(|lease| lease.shard == 2).unwrap();
    DoneRow { subscription, lease, position, event: id }
}

pub(crate) async fn a_unit_is_refused_if_the_log_does_not_have_its_event(harness: impl Harness) {
    let (_, row) = delivery(&harness).await;
    let store = harness.store();
    for refused in
        [DoneRow { event: Uuid::now_v7(), ..row }, DoneRow { position: row.position.next(), ..row }]
    {
        assert!(!handle(&harness, &*store, refused, "refused").await);
    }
    assert!(handle(&harness, &*store, row, "valid").await);
    assert_eq!(harness.notes().await, ["valid"]);
}

/// Another node claims what an expired one had.
async fn take_over(store: Arc<dyn Store>, lost: Lease) -> Lease {
    let shards = usize::from(store.profile().shards);
    let claims = Member::join(store, LONG).await.claim_all(shards, &[]).await;
    claims.iter().map(|claim| claim.lease).find(|lease| lease.shard == lost.shard).unwrap()
}

/// The old owner's unit is open while another node takes its shard. The delivery has one effect, that of the node that
/// commits first. The claim may wait for the unit, or defeat it.
pub(crate) async fn a_takeover_beside_an_open_unit_has_one_effect(harness: impl Harness) {
    let row = with_short_life(&harness).await;
    let (store, another) = (harness.store(), harness.another().await);
    let old = async {
        let mut unit = begin(&*store).await;
        harness.write(&mut *unit, "old").await;
        if unit.done(&[row]).await.unwrap() {
            // Time for the other node to claim the shard. It may have to wait for this unit, so the unit cannot wait
            // for the claim.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let _ = unit.commit().await;
        }
    };
    let new = async {
        let lease = take_over(another.clone(), row.lease).await;
        handle(&harness, &*another, DoneRow { lease, ..row }, "new").await
    };
    let ((), is_new) = tokio::join!(old, new);
    assert_eq!(harness.notes().await, [if is_new { "new" } else { "old" }]);
}

/// Tasks publish in units, of which some are dropped, beside tasks that append.
pub(crate) async fn a_reader_beside_units_and_appenders_misses_nothing(harness: impl Harness) {
    const EACH: u64 = 30;
    let stores = [harness.store(), harness.another().await];
    let writers: Vec<_> = (0..12_usize)
        .map(|writer| tokio::spawn(write_events(stores[writer % 2].clone(), writer, EACH)))
        .collect();
    let reader = harness.another().await;
    let mut read: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut last = Position::START;
    eventually("everything is read", async || {
        for logged in reader.read(last, 7).await.unwrap() {
            assert_eq!(logged.position, last.next(), "the log has a hole");
            last = logged.position;
            let LogEvent { entity_id, payload, .. } = logged.event;
            read.entry(entity_id.unwrap()).or_default().push(payload);
        }
        last.0 == 12 * EACH
    })
    .await;
    for writer in writers {
        writer.await.unwrap();
    }
    for numbers in read.values() {
        assert!(
            numbers
                .iter()
                .eq((0..EACH).map(|number| number.to_string()).collect::<Vec<_>>().iter())
        );
    }
    assert_eq!(reader.range().await.unwrap(), Position(1)..=last);
}

async fn write_events(store: Arc<dyn Store>, writer: usize, count: u64) {
    let of_writer =
        |payload: String| LogEvent { entity_id: Some(writer.to_string()), ..event(0, payload) };
    for number in 0..count {
        if writer.is_multiple_of(3) {
            append_entry(&*store, entry([of_writer(number.to_string())])).await;
            continue;
        }
        if number % 5 == 0 {
            let mut dropped = begin(&*store).await;
            dropped.publish(&[of_writer("\"dropped\"".to_owned())]).await.unwrap();
        }
        let mut unit = begin(&*store).await;
        unit.publish(&[of_writer(number.to_string())]).await.unwrap();
        unit.commit().await.unwrap();
    }
}

/// Tasks take turns at one entity, each after the commit of the one before. Others keep units open beside them.
pub(crate) async fn an_entity_is_read_in_the_order_of_its_commits(harness: impl Harness) {
    const COUNT: u64 = 200;
    let next = Arc::new(Mutex::new(0));
    let stores = [harness.store(), harness.another().await];
    let writers = (0..6_usize).map(|writer| {
        let (store, next) = (stores[writer % 2].clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let mut next = next.lock().await;
                if *next == COUNT {
                    return;
                }
                if *next % 3 == 0 {
                    append_entry(&*store, entry([event(0, *next)])).await;
                } else {
                    let mut unit = begin(&*store).await;
                    publish(&mut *unit, *next).await;
                    unit.commit().await.unwrap();
                }
                *next += 1;
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let expected = (0..COUNT).map(|number| number.to_string());
    eventually("everything is read", async || read_all(&*stores[0]).await.len() as u64 == COUNT)
        .await;
    assert!(payloads(&*stores[0]).await.into_iter().eq(expected));
}
