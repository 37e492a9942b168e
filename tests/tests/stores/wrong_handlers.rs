//! What becomes of the events of handlers that are renamed, that fail for everything, or whose store is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::handler::{BreakerPolicy, HandlerOptions, Start};
use cqrs_core::lane::BreakerState;
use cqrs_core::log::NewSubscription;
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{Handler, Published, RetryPolicy};

use crate::applications::{
    Counted, Seen, app, beginning, builder, complete, ctx, idle, noting, publish,
    publish_for_counters, publish_for_tenants, stop,
};
use crate::faulty::{Call, Fault, faulty};
use crate::harness::Harness;
use crate::logs::{is_logged, keep_logs};
use crate::support::{dead_of, eventually};

pub(crate) async fn a_renamed_handler_starts_anew_and_the_old_one_is_reported(
    harness: impl Harness,
) {
    keep_logs();
    let (before, now, beginning_again) = (Seen::default(), Seen::default(), Seen::default());
    let old = app(harness.another().await, [noting("old-name", &before)]).await;
    publish_for_counters(&old, 5, 0).await;
    idle(&old).await;
    stop(old).await;
    let handlers = [
        noting("new-name", &now),
        noting("new-name-from-the-beginning", &beginning_again).options(beginning()),
    ];
    let renamed = app(harness.another().await, handlers).await;
    is_logged(["no handler of this build continues this subscription", "old-name"]).await;
    publish_for_counters(&renamed, 5, 1).await;
    idle(&renamed).await;
    assert_eq!(before.by_counter(), complete(5, 0..1));
    assert_eq!(now.by_counter(), complete(5, 1..2));
    assert_eq!(beginning_again.by_counter(), complete(5, 0..2));
    stop(renamed).await;
    // The old name goes on where it was.
    let old = app(harness.another().await, [noting("old-name", &before)]).await;
    idle(&old).await;
    assert_eq!(before.by_counter(), complete(5, 0..2));
    stop(old).await;
}

/// How many attempts fail before the breaker opens.
const FAILURES: u32 = 5;

/// A handler whose attempts all fail until `heals` is set.
fn failing(seen: &Seen, attempts: &Seen, heals: &Arc<AtomicBool>) -> HandlerRegistration {
    let (seen, attempts, heals) = (seen.clone(), attempts.clone(), Arc::clone(heals));
    let handler = Handler::event_fn("failing", move |event: Published<Counted>, _| {
        let is_failing = !heals.load(SeqCst);
        let log = if is_failing { &attempts } else { &seen };
        log.add(event.counter, event.number);
        async move { if is_failing { Err(HandlerError::new("not yet")) } else { Ok(()) } }
    });
    let (shortest, longest) = (Duration::from_millis(10), Duration::from_millis(20));
    let retry = RetryPolicy::exponential(1000, shortest, longest);
    let breaker = BreakerPolicy::new(FAILURES, Duration::from_millis(1200));
    handler.options(HandlerOptions::DEFAULT.retry(retry).breaker(breaker))
}

pub(crate) async fn a_handler_that_fails_for_every_event_opens_its_breaker(harness: impl Harness) {
    /// How many deliveries may be open in a lane at the same time.
    const IN_LANE: usize = 1024;
    /// How many events there are.
    const EVENTS: u32 = 6000;
    let store = faulty(harness.another().await);
    let (seen, attempts, other) = (Seen::default(), Seen::default(), Seen::default());
    let heals = Arc::<AtomicBool>::default();
    let handlers = [failing(&seen, &attempts, &heals), noting("other", &other)];
    let app = app(store.clone(), handlers).await;
    for number in 0..10 {
        let events = (0..EVENTS / 10).map(|counter| Counted { counter, number });
        app.events().publish_all(&ctx(), events).await.unwrap();
    }
    let is_open = || app.handler("failing").unwrap().status().breaker == Some(BreakerState::Open);
    eventually("the breaker opens", async || is_open()).await;
    eventually("the other handler goes on", async || other.len() == EVENTS as usize).await;
    // One attempt for each cooldown.
    let begun = attempts.len();
    eventually("attempts are made", async || attempts.len() >= begun + 3).await;
    assert!(attempts.len() < 100, "{} attempts", attempts.len());
    let parked = store.parked();
    assert!(parked <= IN_LANE, "{parked} deliveries are parked");
    heals.store(true, SeqCst);
    eventually("all is handled", async || seen.len() >= EVENTS as usize).await;
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(EVENTS / 10, 0..10));
    stop(app).await;
    let names = [NewSubscription { name: "failing", start: Start::Now }];
    let subscriptions = harness.store().register(&names).await.unwrap();
    let failing = subscriptions.iter().find(|it| it.name == "failing").unwrap().id;
    assert_eq!(dead_of(&*harness.store(), failing).await, []);
}

pub(crate) async fn an_application_whose_store_is_away_fails_or_starts_later(
    harness: impl Harness,
) {
    keep_logs();
    let store = faulty(harness.another().await);
    store.begin(Fault::Fails, [Call::Register]);
    let seen = Seen::default();
    let app = builder(store.clone(), [noting("late", &seen)]).build().unwrap();
    let error = app.start().await.expect_err("the store is away").to_string();
    assert!(error.contains("switched off"), "{error}");
    // Without a call of `start`, the first event starts the handlers.
    let publisher = {
        let app = app.clone();
        tokio::spawn(async move { publish(&app, 1, 1).await })
    };
    store.fails_again(Call::Register).await;
    store.fails_again(Call::Register).await;
    is_logged(["the handlers cannot start; trying again", "switched off"]).await;
    store.heal();
    publisher.await.unwrap();
    publish_for_tenants(&app, 3, 2).await;
    eventually("all is handled", async || seen.len() == 4).await;
    stop(app).await;
}
