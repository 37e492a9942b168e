//! What an application with a store says to a readiness probe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::app::{HandlerHealth, Health};
use cqrs_core::handler::BreakerPolicy;
use cqrs_core::lane::BreakerState;
use cqrs_core::prelude::*;
use cqrs_core::{Actor, Handler, HandlerOptions, Published, RetryPolicy};

use crate::applications::{Counted, SOON, Seen, app, idle, noting, publish, stop, stubborn};
use crate::faulty::{Call, Fault, faulty, faulty_with_lease};
use crate::harness::Harness;
use crate::support::eventually;

async fn health(app: &App) -> Health {
    tokio::time::timeout(SOON, app.health()).await.expect("it answers")
}

#[track_caller]
fn of<'a>(health: &'a Health, handler: &str) -> &'a HandlerHealth {
    let found = health.handlers.iter().find(|it| it.handler == handler);
    found.unwrap_or_else(|| panic!("`{handler}` is not listed: {health:?}"))
}

pub(crate) async fn an_application_is_ready_while_its_store_answers(harness: impl Harness) {
    let store = faulty_with_lease(harness.another().await, Duration::from_millis(400));
    let app = app(store.clone(), [noting("one", &Seen::default())]).await;
    publish(&app, 1, 1).await;
    idle(&app).await;
    let healthy = health(&app).await;
    assert!(healthy.is_ready(), "{healthy:?}");
    let shown = healthy.store.clone().expect("there is a store");
    assert_eq!((shown.error, shown.shards), (None, usize::from(shown.all_shards)));
    assert_eq!(healthy.handlers, []);

    store.begin(Fault::Fails, [Call::Edit, Call::Beat]);
    store.has_lost_its_leases().await;
    let failing = health(&app).await;
    assert!(!failing.is_ready(), "{failing:?}");
    let shown = failing.store.expect("there is a store");
    assert!(shown.error.expect("it fails").ends_with("switched off"));
    assert_eq!(shown.shards, 0, "the leases have ended");

    store.begin(Fault::Hangs, [Call::Edit]);
    let hanging = health(&app).await;
    assert!(!hanging.is_ready(), "{hanging:?}");
    assert!(hanging.store.unwrap().error.expect("it hangs").ends_with("did not answer within 2s"));

    store.heal();
    assert!(health(&app).await.is_ready());
    let stopped = app.clone();
    stop(app).await;
    let stopped = health(&stopped).await;
    assert!(stopped.is_shut_down && !stopped.is_ready(), "{stopped:?}");
}

pub(crate) async fn handlers_that_need_attention_are_in_the_health(harness: impl Harness) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let retry =
        RetryPolicy::exponential(1000, Duration::from_millis(50), Duration::from_millis(50));
    let breaking = Handler::event_fn("breaking", |_: Published<Counted>, _| async {
        Err(HandlerError::msg("down"))
    });
    let breaker = BreakerPolicy::new(1, Duration::from_hours(1));
    let breaking = breaking.options(HandlerOptions::DEFAULT.retry(retry).breaker(breaker));
    let handlers = [
        breaking,
        noting("fine", &seen),
        noting("paused", &Seen::default()),
        stubborn(&Seen::default(), &heals, |counter| counter == 1),
    ];
    let store = faulty(harness.another().await);
    let app = app(store.clone(), handlers).await;
    let operator = Context::system().with_actor(Actor::user("ada"));
    app.operations().pause(&operator, "paused").await.unwrap();
    publish(&app, 1, 1).await;
    // This one is handled, and lets the failing one hold the checkpoint.
    publish(&app, 2, 1).await;
    eventually("the event is parked", async || {
        let health = health(&app).await;
        health.handlers.iter().any(|it| it.handler == "stubborn" && it.parked == 1)
    })
    .await;

    let needy = health(&app).await;
    assert!(needy.is_ready(), "handlers make nothing unready: {needy:?}");
    let names: Vec<_> = needy.handlers.iter().map(|it| &*it.handler).collect();
    assert_eq!(names, ["breaking", "paused", "stubborn"]);
    assert_eq!(of(&needy, "breaking").breaker, Some(BreakerState::Open));
    let paused = of(&needy, "paused");
    assert!(paused.is_paused && paused.breaker.is_none(), "{paused:?}");
    assert!(
        paused.lag >= Duration::from_secs(1),
        "another handler has parked it since: {paused:?}"
    );

    store.begin(Fault::Fails, [Call::Edit]);
    let alone = health(&app).await;
    assert!(of(&alone, "paused").is_paused, "this process knows it too: {alone:?}");
    assert!(of(&alone, "paused").lag >= Duration::from_secs(1), "{alone:?}");
    store.heal();
    heals.store(true, SeqCst);
    let report = app.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean(), "{report}");
}
