//! What an application with a store says and does before its start, without a runtime, and while a handler is paused.

use std::time::Duration;

use cqrs_core::log::MemoryStore;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, Handler, Published};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

#[derive(Debug, Serialize, Deserialize, Event)]
struct Noted {
    #[event(entity_id)]
    note: u32,
}

fn builder() -> AppBuilder {
    let note = Handler::event_fn("note", |_: Published<Noted>, _| async { Ok(()) });
    App::builder().bare().store(MemoryStore::new()).register(note)
}

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

#[tokio::test]
async fn a_publish_in_a_transaction_before_the_start_is_refused() {
    let app = builder().build().unwrap();
    let error = app.events().stage(&ctx(), Noted { note: 1 }).await.unwrap_err();
    assert!(matches!(error, PublishError::NotStarted { event: "noted" }), "{error}");
    assert!(error.to_string().contains("call `App::start`"), "{error}");
    app.start().await.unwrap();
    assert!(app.events().stage(&ctx(), Noted { note: 1 }).await.is_ok());
}

#[tokio::test]
async fn a_publish_in_a_transaction_without_a_store_is_refused() {
    let app = App::builder().bare().build().unwrap();
    let error = app.events().stage(&ctx(), Noted { note: 1 }).await.unwrap_err();
    assert!(error.to_string().contains("give it one with `App::builder().store(..)`"), "{error}");
}

#[tokio::test]
async fn a_publish_outside_a_runtime_is_refused() {
    let app = builder().build().unwrap();
    app.start().await.unwrap();
    let events = app.events().clone();
    let publish =
        move || futures_util::FutureExt::now_or_never(events.publish(&ctx(), Noted { note: 1 }));
    let published = std::thread::spawn(publish).join().expect("no panic");
    assert!(matches!(published, Some(Err(PublishError::NoRuntime { .. }))), "{published:?}");
}

#[tokio::test]
async fn a_new_application_is_idle_before_its_start() {
    let app = builder().build().unwrap();
    tokio::time::timeout(Duration::from_secs(10), app.idle()).await.expect("it is idle");
}

#[tokio::test]
async fn an_application_is_ready_from_its_start_to_its_shutdown() {
    for builder in [builder(), App::builder().bare()] {
        let app = builder.start_manually().build().unwrap();
        let health = app.health().await;
        assert!(!health.is_started && !health.is_ready(), "{health:?}");
        app.start().await.unwrap();
        let health = app.health().await;
        assert!(health.is_started && health.is_ready(), "{health:?}");
        let report = app.shutdown(Duration::from_secs(10)).await;
        assert!(report.is_clean(), "{report}");
        assert!(!app.health().await.is_ready());
    }
}

/// Otherwise it would get no request, and so would never publish.
#[tokio::test]
async fn an_application_that_starts_with_the_first_publish_is_ready_before() {
    let app = App::builder().bare().build().unwrap();
    assert!(app.health().await.is_ready());
}

#[tokio::test]
async fn the_health_is_the_body_of_a_probe() {
    let app = builder().build().unwrap();
    app.start().await.unwrap();
    app.handler("note").unwrap().pause();
    let handler = json!({
        "handler": "note", "lag_seconds": 0.0, "parked": 0, "breaker": null, "is_paused": true
    });
    let expected = json!({
        "is_started": true,
        "is_shut_down": false,
        "store": { "error": null, "shards": 16, "all_shards": 16 },
        "handlers": [handler]
    });
    assert_eq!(serde_json::to_value(app.health().await).unwrap(), expected);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "handler `note` is paused")]
async fn a_test_that_waits_for_a_paused_handler_fails_with_its_name() {
    let app = TestApp::from_builder(builder()).build().unwrap();
    app.start().await.unwrap();
    app.handler("note").unwrap().pause();
    app.publish(&ctx(), Noted { note: 1 }).await.unwrap();
    app.settled().await;
}

#[tokio::test]
async fn a_scheduled_event_needs_a_store() {
    let app = App::builder().bare().build().unwrap();
    let now = Timestamp::now();
    let error = app.events().publish_at(&ctx(), now, Noted { note: 1 }).await.unwrap_err();
    assert!(matches!(error, PublishError::NoStore { event: "noted" }), "{error}");
    let error = app.events().cancel(Uuid::now_v7()).await.unwrap_err();
    assert!(error.to_string().contains("give it one with `App::builder().store(..)`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn on_a_paused_clock_a_scheduled_event_takes_no_time() {
    let app = TestApp::from_builder(builder()).build().unwrap();
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    app.events().publish_at(&ctx(), later, Noted { note: 1 }).await.unwrap();
    app.settled().await;
    assert!(app.published::<Noted>().is_empty(), "nothing waits for it");
    tokio::time::sleep(Duration::from_mins(59)).await;
    assert!(app.published::<Noted>().is_empty(), "it is not due");
    tokio::time::sleep(Duration::from_mins(2)).await;
    app.settled().await;
    assert_eq!(app.published::<Noted>().len(), 1);
    assert_eq!(app.deliveries_to_named("note").len(), 1);
}
