//! Appending to the log, and reading it.

use std::collections::BTreeMap;
use std::sync::Arc;

use cqrs_core::log::{LogEvent, Position, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::harness::Harness;
use crate::support::{append, append_entry, entry, event, eventually, payloads, read_all};

pub(crate) async fn append_gives_positions_in_order(harness: impl Harness) {
    let store = harness.store();
    let entries = [
        entry([event(0, 1), event(3, 2)]),
        entry([event(1, 3)]),
        entry([event(0, 4), event(0, 5)]),
    ];
    let appended = store.append(&entries).await.unwrap();
    assert_eq!(appended, [Some(Position(1)), Some(Position(3)), Some(Position(4))]);
    assert_eq!(append(&*harness.another().await, 2, 2).await, [Position(6), Position(7)]);

    let events = read_all(&*store).await;
    let positions: Vec<_> = events.iter().map(|logged| logged.position.0).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7]);
    let appended: Vec<_> = entries.into_iter().flat_map(|entry| entry.events).collect();
    let events: Vec<_> = events.into_iter().map(|logged| logged.event).take(5).collect();
    assert_eq!(events, appended);
}

pub(crate) async fn an_empty_append_changes_nothing(harness: impl Harness) {
    let store = harness.store();
    assert_eq!(store.append(&[]).await.unwrap(), []);
    assert_eq!(append(&*store, 0, 1).await, [Position(1)]);
    assert_eq!(store.append(&[]).await.unwrap(), []);
    assert_eq!(append(&*store, 0, 1).await, [Position(2)]);
}

pub(crate) async fn a_large_append_goes_in_at_once(harness: impl Harness) {
    let store = harness.store();
    let large = entry((1..=4_000).map(|number| event(0, number)));
    let small = (4_001..=5_000).map(|number| entry([event(1, number)]));
    let entries: Vec<_> = [large].into_iter().chain(small).collect();
    let appended = store.append(&entries).await.unwrap();
    let expected = [1].into_iter().chain(4_001..=5_000).map(|it| Some(Position(it)));
    assert!(appended.into_iter().eq(expected));
    assert!(payloads(&*store).await.into_iter().eq((1..=5_000).map(|it| it.to_string())));
}

pub(crate) async fn pages_of_any_size_read_the_same(harness: impl Harness) {
    let store = harness.store();
    append(&*store, 0, 1_200).await;
    let all = read_all(&*store).await;
    assert_eq!(all.len(), 1_200);
    for size in [1, 7, 1_000, 5_000] {
        for after in (0..1_200_u64).step_by(size).take(100) {
            let page = store.read(Position(after), size).await.unwrap();
            let start = usize::try_from(after).unwrap();
            assert_eq!(page, all[start..1_200.min(start + size)]);
        }
    }
    assert_eq!(store.read(Position(1_200), 10).await.unwrap(), []);
}

/// 20 tasks, on two handles, append 25 times two entries of two events each.
pub(crate) async fn a_reader_beside_many_appenders_misses_nothing(harness: impl Harness) {
    const CALLS: usize = 25;
    let (store, another) = (harness.store(), harness.another().await);
    let appenders: Vec<_> = (0..20)
        .map(|appender| {
            let store = Arc::clone(if appender % 2 == 0 { &store } else { &another });
            tokio::spawn(append_calls(store, appender, CALLS))
        })
        .collect();

    let reader = harness.another().await;
    let mut read = BTreeMap::new();
    eventually("everything is read", async || {
        let after = Position(read.len() as u64);
        let page = reader.read(after, 1_000).await.unwrap();
        let is_whole = page.len() < 1_000;
        for (logged, expected) in page.into_iter().zip(after.0 + 1..) {
            assert_eq!(logged.position.0, expected, "the log has a hole");
            read.insert(logged.position, logged.event.payload);
        }
        if is_whole {
            assert_eq!(read.len() % 4, 0, "a part of a call was read");
        }
        read.len() == 20 * CALLS * 4
    })
    .await;

    let mut appended = BTreeMap::new();
    for appender in appenders {
        let positions = appender.await.unwrap();
        assert!(positions.is_sorted_by_key(|(position, _)| *position), "calls changed places");
        appended.extend(positions);
    }
    assert_eq!(read, appended);
}

/// Returns the position of each payload, in the order in which they were appended.
async fn append_calls(
    store: Arc<dyn Store>,
    appender: u64,
    calls: usize,
) -> Vec<(Position, String)> {
    let mut positions = Vec::new();
    for call in 0..calls {
        let payload = |number| format!("[{appender},{call},{number}]");
        let entries = [0, 2].map(|first| entry([first, first + 1].map(|it| event(0, payload(it)))));
        let firsts = store.append(&entries).await.unwrap();
        assert_eq!(firsts[1], firsts[0].map(|first| Position(first.0 + 2)));
        let first = firsts[0].unwrap().0;
        positions.extend((first..).map(Position).zip((0..4).map(payload)));
    }
    positions
}

pub(crate) async fn the_events_of_others_are_read_without_those_of_some_tenants(
    harness: impl Harness,
) {
    let store = harness.store();
    let tenants = [Some("acme"), None, Some("globex"), Some("initech"), Some("acme")];
    let of = |tenant: Option<&str>| LogEvent { tenant: tenant.map(str::to_owned), ..event(0, 1) };
    append_entry(&*store, entry(tenants.map(of))).await;
    let read = async |after, end, without: &[&str], limit| {
        let events = store.read_others(Position(after), Position(end), without, limit).await;
        events.unwrap().iter().map(|it| it.position.0).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 5, &["acme"], 10).await, [2, 3, 4]);
    assert_eq!(read(0, 5, &["acme", ""], 10).await, [3, 4]);
    assert_eq!(read(0, 5, &["acme"], 2).await, [2, 3]);
    assert_eq!(read(2, 3, &["acme"], 10).await, [3]);
    assert_eq!(read(0, 9, &[], 10).await, [1, 2, 3, 4, 5]);
    assert_eq!(read(0, 9, &["acme", "", "globex", "initech"], 10).await, [0; 0]);
}

pub(crate) async fn read_at_gives_what_is_there(harness: impl Harness) {
    let store = harness.store();
    append(&*store, 0, 2_500).await;
    let all = read_all(&*store).await;
    let some = store.read_at(&[2, 3, 700].map(Position)).await.unwrap();
    assert_eq!(some, [1, 2, 699].map(|index: usize| all[index].clone()));
    let known = store.read_at(&[0, 1, 2_500, 2_501, 1 << 40].map(Position)).await.unwrap();
    assert_eq!(known, [all[0].clone(), all[2_499].clone()]);
    let positions: Vec<_> = (1..=2_500).map(Position).collect();
    assert_eq!(store.read_at(&positions).await.unwrap(), all);
    assert_eq!(store.read_at(&[]).await.unwrap(), []);
}

pub(crate) async fn the_range_is_what_the_log_has(harness: impl Harness) {
    let store = harness.store();
    assert!(store.range().await.unwrap().is_empty());
    append(&*harness.another().await, 0, 3).await;
    assert_eq!(store.range().await.unwrap(), Position(1)..=Position(3));
}

pub(crate) async fn a_position_after_the_end_is_an_error(harness: impl Harness) {
    let store = harness.store();
    append(&*store, 0, 3).await;
    let error = store.read(Position(4), 10).await.unwrap_err();
    let StoreError::WentBack { end, seen } = error else { panic!("{error}") };
    assert_eq!((end, seen), (Position(3), Position(4)));
}

pub(crate) async fn an_event_says_when_it_was_appended(harness: impl Harness) {
    let store = harness.store();
    append(&*store, 0, 1).await;
    let at = read_all(&*store).await[0].at;
    let age = Timestamp::now().duration_since(at);
    assert!(age.abs() < SignedDuration::from_mins(1), "{at}");
}

pub(crate) async fn events_survive_a_crash(mut harness: impl Harness) {
    append(&*harness.store(), 3, 5).await;
    let before = read_all(&*harness.store()).await;
    harness.reopen().await;
    let store = harness.store();
    assert_eq!(read_all(&*store).await, before);
    assert_eq!(append_entry(&*store, entry([event(0, 6)])).await, Some(Position(6)));
}
