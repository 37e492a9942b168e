//! `app.handler("..")?.pause()`.

use cqrs_core::app::Unfinished;
use cqrs_core::bus::HandlerState;
use cqrs_core::lane::DeliveryState;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{Handler, RetryPolicy};
use tokio::time::Instant;

use crate::{Log, ONCE, OrderPlaced, builder, dead_letters, everybody_waits, tenant};

/// Two handlers that take a second for each event.
fn app(capacity: usize) -> (App, Log<(&'static str, u32)>) {
    let log = Log::new();
    let mut builder = builder().queue_capacity(capacity);
    for name in ["bill", "pack"] {
        let log = log.clone();
        let handler = Handler::event_fn(name, move |event: Published<OrderPlaced>, _| {
            let log = log.clone();
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                log.add((name, event.number));
                Ok(())
            }
        });
        builder = builder.register(handler.options(ONCE.concurrency(1)));
    }
    (builder.build().expect("wired"), log)
}

async fn publish(app: &App, number: u32) {
    app.events().publish(&tenant("acme"), OrderPlaced { number }).await.expect("accepted");
}

#[tokio::test(start_paused = true)]
async fn a_paused_handler_finishes_what_runs_keeps_what_comes_and_goes_on_when_it_is_resumed() {
    let (app, log) = app(1024);
    let pack = app.handler("pack").expect("there is one");
    publish(&app, 1).await;
    everybody_waits().await;
    assert!(pack.pause());
    assert!(!pack.pause(), "it is paused already");
    publish(&app, 2).await;
    tokio::time::sleep(Duration::from_hours(1)).await;
    let mut seen = log.entries();
    seen.sort_unstable();
    assert_eq!(seen, [("bill", 1), ("bill", 2), ("pack", 1)]);
    let status = pack.status();
    assert_eq!(status.state, HandlerState::Paused);
    assert_eq!((status.queued, status.running, status.retrying), (1, 0, 0));
    assert!(status.oldest_waiting.is_some());
    assert_eq!(app.handler("bill").expect("there is one").status().state, HandlerState::Running);

    assert!(pack.resume());
    app.idle().await;
    assert_eq!(log.entries()[3..], [("pack", 2)]);
    assert_eq!(pack.status().oldest_waiting, None);
}

#[tokio::test(start_paused = true)]
async fn publishers_wait_for_a_paused_handler_whose_queue_is_full() {
    let (app, log) = app(2);
    let pack = app.handler("pack").expect("there is one");
    pack.pause();
    for number in 0..2 {
        publish(&app, number).await;
    }
    let waiting = tokio::spawn({
        let app = app.clone();
        async move { publish(&app, 2).await }
    });
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert!(!waiting.is_finished());
    assert_eq!(pack.status().waiting_publishers, 1);
    pack.resume();
    waiting.await.expect("accepted");
    app.idle().await;
    assert_eq!(log.entries().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_drains_the_others_and_reports_what_a_paused_handler_has() {
    let (app, log) = app(2);
    publish(&app, 1).await;
    everybody_waits().await;
    app.handler("pack").expect("there is one").pause();
    publish(&app, 2).await;
    let waiting = tokio::spawn({
        let app = app.clone();
        async move { app.events().publish(&tenant("acme"), OrderPlaced { number: 3 }).await }
    });
    everybody_waits().await;

    let began = Instant::now();
    let report = app.shutdown(Duration::from_hours(1)).await;
    assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
    let mut seen = log.entries();
    seen.sort_unstable();
    // The third found room once the first was packed.
    assert_eq!(seen, [("bill", 1), ("bill", 2), ("bill", 3), ("pack", 1)]);
    waiting.await.expect("no panic").expect("accepted");
    let unfinished: Vec<_> = report.unfinished().iter().map(ToString::to_string).collect();
    assert_eq!(unfinished.len(), 2, "{report}");
    assert!(unfinished.iter().all(|it| it.ends_with("for pack: queued")), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_publishers_that_wait_for_a_paused_handler() {
    let (app, _) = app(1);
    app.handler("pack").expect("there is one").pause();
    publish(&app, 1).await;
    let waiting = tokio::spawn({
        let app = app.clone();
        async move { app.events().publish(&tenant("acme"), OrderPlaced { number: 2 }).await }
    });
    everybody_waits().await;
    let began = Instant::now();
    let report = app.shutdown(Duration::from_hours(1)).await;
    assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
    assert_eq!(report.unfinished().len(), 1, "{report}");
    let refused = waiting.await.expect("no panic");
    assert!(matches!(refused, Err(PublishError::ShutDown { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_at_a_paused_handler_as_well() {
    let handler = Handler::event_fn("call", |_: Published<OrderPlaced>, _| async {
        Err(HandlerError::msg("no"))
    });
    let retry = RetryPolicy::exponential(2, Duration::from_mins(1), Duration::from_mins(1));
    let app = builder().register(handler.options(ONCE.retry(retry))).build().expect("wired");
    publish(&app, 1).await;
    everybody_waits().await;
    let call = app.handler("call").expect("there is one");
    assert_eq!(call.status().retrying, 1);
    call.pause();
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert!(dead_letters(&app).await.is_empty());
    let report = app.shutdown(Duration::from_hours(1)).await;
    assert!(matches!(
        report.unfinished(),
        [Unfinished::Delivery { failed_attempts: 1, state: DeliveryState::Queued, .. }]
    ));
}

#[tokio::test(start_paused = true)]
async fn all_handlers_are_listed_and_an_unknown_name_gets_the_most_similar_one() {
    let (app, _) = app(1);
    let names: Vec<_> = app.handlers().iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(names, ["bill", "pack"]);
    let unknown = app.handler("packs").expect_err("there is none");
    assert_eq!(
        unknown.to_string(),
        "there is no event handler named `packs`; the most similar name is `pack`"
    );
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "`pack` is paused")]
async fn a_test_that_would_wait_for_a_paused_handler_says_so() {
    let handler = Handler::event_fn("pack", |_: Published<OrderPlaced>, _| async { Ok(()) });
    let app = TestApp::from_builder(builder()).register(handler).build().expect("wired");
    app.handler("pack").expect("there is one").pause();
    publish(&app, 1).await;
    app.settled().await;
}
