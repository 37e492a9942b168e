//! What an application promises when it starts, stops and starts again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cqrs_core::handler::HandlerOptions;
use cqrs_core::prelude::*;
use cqrs_core::{Handler, Published, RetryPolicy};

use crate::applications::{
    Counted, CountedTwice, Seen, app, beginning, builder, complete, ctx, idle, noting,
    noting_twice, publish, publish_for_counters, started, stop, stubborn, tenant,
};
use crate::faulty::{Call, Fault, faulty};
use crate::harness::Harness;
use crate::support::eventually;

pub(crate) async fn a_new_handler_gets_what_is_published_before_the_start(harness: impl Harness) {
    let store = faulty(harness.another().await);
    store.begin(Fault::Delays(Duration::from_millis(200)), [Call::Register]);
    let (by_itself, by_hand) = (Seen::default(), Seen::default());
    // The first publish starts it.
    let app = builder(store.clone(), [noting("by-itself", &by_itself)]).build().unwrap();
    publish(&app, 1, 1).await;
    idle(&app).await;
    assert_eq!(by_itself.len(), 1);
    stop(app).await;

    let app = builder(store, [noting("by-hand", &by_hand)]).start_manually().build().unwrap();
    publish(&app, 1, 2).await;
    app.start().await.unwrap();
    idle(&app).await;
    assert_eq!(by_hand.by_counter()[&1], [2]);
    stop(app).await;
}

pub(crate) async fn a_new_handler_starts_where_it_says(harness: impl Harness) {
    let (first, now, all) = (Seen::default(), Seen::default(), Seen::default());
    let before = app(harness.another().await, [noting("first", &first)]).await;
    for number in 0..5 {
        publish_for_counters(&before, 2, number).await;
    }
    idle(&before).await;
    stop(before).await;

    let handlers = [noting("now", &now), noting("all", &all).options(beginning())];
    let app = app(harness.another().await, handlers).await;
    publish_for_counters(&app, 2, 5).await;
    idle(&app).await;
    assert_eq!(now.by_counter(), complete(2, 5..6));
    assert_eq!(all.by_counter(), complete(2, 0..6));
    stop(app).await;
}

pub(crate) async fn a_handler_that_is_far_behind_catches_up(harness: impl Harness) {
    let (first, late) = (Seen::default(), Seen::default());
    let before = app(harness.another().await, [noting("first", &first)]).await;
    let publishing = (0..16).map(|task| {
        let app = before.clone();
        tokio::spawn(async move {
            for round in 0..10 {
                let numbers = round * 62..(round + 1) * 62;
                let events = numbers.map(|number| Counted { counter: task, number });
                app.events().publish_all(&tenant(task), events).await.unwrap();
            }
        })
    });
    for task in publishing.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    idle(&before).await;
    stop(before).await;
    let handlers = [noting("first", &first), noting("late", &late).options(beginning())];
    let app = started(builder(harness.another().await, handlers).queue_capacity(50)).await;
    idle(&app).await;
    assert_eq!(first.by_counter(), complete(16, 0..620));
    assert_eq!(late.by_counter(), complete(16, 0..620));
    stop(app).await;
}

pub(crate) async fn what_was_published_before_a_restart_is_handled_after_it(harness: impl Harness) {
    let seen = Seen::default();
    let paused = app(harness.another().await, [noting("one", &seen)]).await;
    paused.handler("one").unwrap().pause();
    for number in 0..10 {
        publish_for_counters(&paused, 3, number).await;
    }
    assert_eq!(seen.len(), 0);
    stop(paused).await;

    let app = app(harness.another().await, [noting("one", &seen)]).await;
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(3, 0..10));
    stop(app).await;
}

pub(crate) async fn a_clean_restart_handles_nothing_twice(harness: impl Harness) {
    let seen = Seen::default();
    for round in 0..3 {
        let app = app(harness.another().await, [noting("one", &seen)]).await;
        for number in round * 5..(round + 1) * 5 {
            publish_for_counters(&app, 4, number).await;
        }
        idle(&app).await;
        stop(app).await;
    }
    assert_eq!(seen.by_counter(), complete(4, 0..15));
}

pub(crate) async fn a_failing_entity_holds_back_itself_alone_also_across_a_restart(
    harness: impl Harness,
) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let stubborn = || [stubborn(&seen, &heals, |counter| counter == 0)];
    let store = faulty(harness.another().await);
    let before = app(store.clone(), stubborn()).await;
    for number in 0..5 {
        publish_for_counters(&before, 3, number).await;
    }
    eventually("the other entities go on", async || seen.len() == 10).await;
    store.has_parked(5).await;
    assert_eq!(seen.by_counter().into_keys().collect::<Vec<_>>(), [1, 2]);
    assert!(seen.by_counter().values().all(|numbers| numbers.iter().copied().eq(0..5)));
    stop(before).await;

    heals.store(true, SeqCst);
    let app = app(harness.another().await, stubborn()).await;
    publish_for_counters(&app, 3, 5).await;
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(3, 0..6));
    stop(app).await;
}

pub(crate) async fn a_parked_delivery_that_no_handler_wants_any_more_keeps_nothing_waiting(
    harness: impl Harness,
) {
    let store = faulty(harness.another().await);
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let before = app(store.clone(), [stubborn(&seen, &heals, |_| true)]).await;
    publish(&before, 1, 1).await;
    before.events().publish(&ctx(), CountedTwice { counter: 1, number: 1 }).await.unwrap();
    store.has_parked(1).await;
    stop(before).await;

    let app = app(store, [noting_twice("stubborn", &seen)]).await;
    app.events().publish(&ctx(), CountedTwice { counter: 1, number: 2 }).await.unwrap();
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1].last(), Some(&2));
    stop(app).await;
}

pub(crate) async fn a_shutdown_waits_for_no_retry(harness: impl Harness) {
    let (fails, running) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let seen = Seen::default();
    let slow = || {
        let (fails, running, seen) = (Arc::clone(&fails), Arc::clone(&running), seen.clone());
        let handler = Handler::event_fn("slow", move |event: Published<Counted>, _| {
            let (fails, running, seen) = (Arc::clone(&fails), Arc::clone(&running), seen.clone());
            async move {
                running.fetch_add(1, SeqCst);
                if fails.load(SeqCst) {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    return Err(HandlerError::new("not yet").retry_after(Duration::from_mins(10)));
                }
                seen.add(event.counter, event.number);
                Ok(())
            }
        });
        let (shortest, longest) = (Duration::from_mins(10), Duration::from_mins(20));
        let retry = RetryPolicy::exponential(3, shortest, longest);
        [handler.options(HandlerOptions::DEFAULT.retry(retry))]
    };
    let before = app(harness.another().await, slow()).await;
    publish(&before, 1, 1).await;
    publish(&before, 1, 2).await;
    eventually("the handler runs", async || running.load(SeqCst) > 0).await;
    let begin = Instant::now();
    stop(before).await;
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());

    fails.store(false, SeqCst);
    let app = app(harness.another().await, slow()).await;
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1], [1, 2]);
    stop(app).await;
}

pub(crate) async fn an_application_that_is_dropped_frees_its_store_and_its_handlers(
    harness: impl Harness,
) {
    let store = harness.another().await;
    let alive = Arc::new(());
    let kept = Arc::clone(&alive);
    let one = Handler::event_fn("one", move |_: Published<Counted>, _| {
        let _kept = Arc::clone(&kept);
        async { Ok(()) }
    });
    let app = app(store.clone(), [one]).await;
    publish(&app, 1, 1).await;
    drop(app);
    eventually("the handlers are dropped", async || Arc::strong_count(&alive) == 1).await;
    eventually("the store is dropped", async || Arc::strong_count(&store) == 1).await;
}
