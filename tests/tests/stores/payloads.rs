//! What is stored is read as it was, to the last byte.

use cqrs_core::log::{DeadDelivery, LogEvent};
use uuid::Uuid;

use crate::harness::Harness;
use crate::support::{
    Member, append_entry, change, dead_of, entry, event, read_all, save, subscribe,
};

/// JSON that stores have been known to change.
const JSON: [&str; 14] = [
    "null",
    "{}",
    r#" { "b" : 1 , "a" : [ ] } "#,
    r#"{"twice":1,"twice":2}"#,
    r#"{"nul":"a\u0000b","unit":"\u001f","del":""}"#,
    "[9007199254740993,-9223372036854775808,18446744073709551615]",
    "[123456789012345678901234567890]",
    "[0.1,1e23,5e-324,1.7976931348623157e308,-0.0,1.10,3.0]",
    r#"["👩‍👩‍👧‍👦","🇨🇭","e\u0301 is not é"]"#,
    "[\"שלום עולם\",\"مرحبا\",\"\u{202e}left\u{202c}\"]",
    r#""a \"quote\", a 'quote', a \\ and a \/ and a \n""#,
    r#"["?1 $1 :name %s {} -- '; DROP TABLE events;"]"#,
    "\"\u{2028}\u{feff}\u{fffd}\u{10ffff}\"",
    r#"["\ud83d\ude00"]"#,
];

pub(crate) async fn json_is_kept_byte_for_byte(mut harness: impl Harness) {
    let events: Vec<_> = JSON
        .iter()
        .map(|json| LogEvent { context: (*json).to_owned(), ..event(0, json) })
        .collect();
    append_entry(&*harness.store(), entry(events.clone())).await;
    assert_eq!(read_events(&harness).await, events);
    harness.reopen().await;
    assert_eq!(read_events(&harness).await, events);
}

async fn read_events(harness: &impl Harness) -> Vec<LogEvent> {
    read_all(&*harness.store()).await.into_iter().map(|logged| logged.event).collect()
}

pub(crate) async fn a_payload_of_64_kib_is_kept(harness: impl Harness) {
    let payload = format!("\"{}\"", "é".repeat(32 * 1024 - 1));
    assert_eq!(payload.len(), 64 * 1024);
    let events: Vec<_> = (0..40).map(|_| event(0, &payload)).collect();
    append_entry(&*harness.store(), entry(events.clone())).await;
    assert!(read_events(&harness).await == events);
}

pub(crate) async fn everything_about_an_event_is_kept(harness: impl Harness) {
    let store = harness.store();
    let events = [
        LogEvent { key: None, tenant: None, entity: None, entity_id: None, ..event(0, 1) },
        LogEvent {
            version: i32::MAX.unsigned_abs(),
            shard: store.profile().shards - 1,
            key: Some(u64::MAX),
            entity_id: Some("'7' \"🏢\" \u{202e}ש\n".to_owned()),
            ..event(0, 2)
        },
        LogEvent { id: Uuid::max(), key: Some(0), entity_id: Some(String::new()), ..event(0, 3) },
        LogEvent { key: Some(1 << 63), name: "a-b.c_d".into(), version: 0, ..event(0, 4) },
    ];
    append_entry(&*store, entry(events.clone())).await;
    assert_eq!(read_events(&harness).await, events);
}

pub(crate) async fn a_dead_letter_keeps_its_event_byte_for_byte(mut harness: impl Harness) {
    let store = harness.store();
    let [subscription] = subscribe(&*store, ["index"]).await;
    let (_, leases) = Member::alone(store.clone()).await;
    append_entry(&*store, entry(JSON.map(|json| event(0, json)))).await;
    let events = read_all(&*store).await;
    let dead: Vec<_> = events
        .into_iter()
        .map(|event| DeadDelivery { event, attempts: 5, error: "no “route” 🙈".to_owned() })
        .collect();
    let checkpoint = dead.last().unwrap().event.position;
    let unsaved = change(subscription, leases[&0], checkpoint);
    save(&*store, cqrs_core::log::Change { dead: dead.clone(), ..unsaved }).await;
    assert_eq!(dead_of(&*harness.store(), subscription).await, dead);
    harness.reopen().await;
    assert_eq!(dead_of(&*harness.store(), subscription).await, dead);
}
