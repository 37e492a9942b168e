//! What an application with a store promises to its handlers and publishers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cqrs_core::handler::HandlerOptions;
use cqrs_core::prelude::*;
use cqrs_core::{EventBus, Handler, Published, RetryPolicy};
use futures_util::StreamExt as _;

use crate::applications::{
    Counted, CountedTwice, SOON, Seen, app, builder, complete, ctx, idle, noting, noting_twice,
    publish, publish_for_counters, repeating, started, stop, stubborn, tenant,
};
use crate::harness::Harness;
use crate::support::eventually;

pub(crate) async fn every_handler_gets_every_event_in_order(harness: impl Harness) {
    let (one, other) = (Seen::default(), Seen::default());
    let handlers = [noting("one", &one), noting("other", &other)];
    let app = app(harness.another().await, handlers).await;
    for number in 0..20 {
        publish_for_counters(&app, 5, number).await;
    }
    idle(&app).await;
    assert_eq!(one.by_counter(), complete(5, 0..20));
    assert_eq!(other.by_counter(), complete(5, 0..20));
    stop(app).await;
}

pub(crate) async fn what_a_handler_publishes_happens_once(harness: impl Harness) {
    let (seen, attempts) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    let events = Arc::new(OnceLock::<EventBus>::new());
    let repeat = {
        let (events, attempts) = (Arc::clone(&events), Arc::clone(&attempts));
        Handler::event_fn("repeat", move |event: Published<Counted>, ctx: Context| {
            let events = events.get().unwrap().clone();
            let attempts = Arc::clone(&attempts);
            async move {
                let Counted { counter, number } = *event;
                events.publish(&ctx, CountedTwice { counter, number }).await?;
                // Every second attempt fails after it has published.
                if attempts.fetch_add(1, SeqCst) % 2 == 0 {
                    return Err(HandlerError::new("failed after the publish"));
                }
                Ok(())
            }
        })
    };
    let (shortest, longest) = (Duration::from_millis(1), Duration::from_millis(2));
    let retry = RetryPolicy::exponential(10, shortest, longest);
    let repeat = repeat.options(HandlerOptions::DEFAULT.concurrency(1).retry(retry));
    let app = app(harness.another().await, [repeat, noting_twice("twice", &seen)]).await;
    events.set(app.events().clone()).unwrap();
    for number in 0..10 {
        publish_for_counters(&app, 2, number).await;
    }
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(2, 0..10));
    stop(app).await;
}

pub(crate) async fn what_a_handler_publishes_reaches_transient_handlers_and_streams(
    harness: impl Harness,
) {
    let (seen, events) = (Seen::default(), Arc::default());
    let transient = noting_twice("transient", &seen).options(HandlerOptions::DEFAULT.transient());
    let app = app(harness.another().await, [repeating(&events), transient]).await;
    events.set(app.events().clone()).unwrap();
    let mut stream = app.events().subscribe::<CountedTwice>();
    app.events()
        .publish_all(&ctx(), (0..100).map(|number| Counted { counter: 0, number }))
        .await
        .unwrap();
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(1, 0..100));
    let first = tokio::time::timeout(SOON, stream.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.number, 0);
    stop(app).await;
}

pub(crate) async fn an_idle_application_has_handled_all_cascades(harness: impl Harness) {
    let (seen, events) = (Seen::default(), Arc::default());
    let handlers = [repeating(&events), noting_twice("twice", &seen)];
    let app = app(harness.another().await, handlers).await;
    events.set(app.events().clone()).unwrap();
    for number in 0..100 {
        publish(&app, number, number).await;
        idle(&app).await;
        assert_eq!(seen.len(), number as usize + 1);
    }
    stop(app).await;
}

pub(crate) async fn publish_and_wait_tells_every_outcome(harness: impl Harness) {
    let fails = Handler::event_fn("fails", |_: Published<Counted>, _| async {
        Err(HandlerError::new("no").permanent())
    });
    let app = app(harness.another().await, [noting("works", &Seen::default()), fails]).await;
    let outcomes = app.events().publish_and_wait(&ctx(), Counted { counter: 1, number: 1 }).await;
    let outcomes = outcomes.unwrap();
    let of = |name: &str| outcomes.iter().find(|it| &*it.handler == name).unwrap().is_ok();
    assert_eq!((outcomes.len(), of("works"), of("fails")), (2, true, false));
    idle(&app).await;
    stop(app).await;
}

pub(crate) async fn publish_all_is_in_order_and_whole(harness: impl Harness) {
    let seen = Seen::default();
    let app = app(harness.another().await, [noting("one", &seen)]).await;
    let events = (0..50).map(|number| Counted { counter: 0, number });
    assert_eq!(app.events().publish_all(&ctx(), events).await.unwrap().len(), 50);
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(1, 0..50));
    stop(app).await;
}

pub(crate) async fn a_failing_entity_that_fills_the_queue_holds_back_itself_alone(
    harness: impl Harness,
) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let stubborn = stubborn(&seen, &heals, |counter| counter == 0);
    let app = started(builder(harness.another().await, [stubborn]).queue_capacity(5)).await;
    for number in 0..20 {
        publish(&app, 0, number).await;
    }
    publish(&app, 1, 0).await;
    app.events().publish(&tenant(7), Counted { counter: 2, number: 0 }).await.unwrap();
    eventually("the other entities go on", async || seen.len() == 2).await;
    heals.store(true, SeqCst);
    idle(&app).await;
    assert_eq!(seen.by_counter()[&0], (0..20).collect::<Vec<_>>());
    stop(app).await;
}

pub(crate) async fn a_burst_of_many_publishers_reaches_a_hundred_handlers(harness: impl Harness) {
    let names: Vec<&'static str> =
        (0..100).map(|number| &*String::leak(format!("handler-{number}"))).collect();
    let seen: Vec<Seen> = names.iter().map(|_| Seen::default()).collect();
    let handlers = names.iter().zip(&seen).map(|(name, seen)| noting(name, seen));
    let app = app(harness.another().await, handlers).await;
    let publishing = (0..16).map(|task| {
        let app = app.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                let event = Counted { counter: task, number };
                app.events().publish(&tenant(task), event).await.unwrap();
            }
        })
    });
    for task in publishing.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    tokio::time::timeout(Duration::from_mins(1), app.idle()).await.expect("it becomes idle");
    for seen in seen {
        assert_eq!(seen.by_counter(), complete(16, 0..50));
    }
    stop(app).await;
}
