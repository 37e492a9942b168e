//! What an application promises while its store fails, its nodes come and go, and its handlers fail or hang.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cqrs_core::handler::{HandlerOptions, Start};
use cqrs_core::log::{NewSubscription, Store};
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{AppBuilder, EventBus, Handler, PublishError, Published, RetryPolicy};
use futures_util::StreamExt as _;

use crate::faulty::{Call, Fault, Faulty};
use crate::handlers::{Counted, CountedTwice, Seen, beginning, ctx, noting, stop};
use crate::harness::Harness;
use crate::support::eventually;

/// How long something that needs no waiting may take on a busy machine.
const SOON: Duration = Duration::from_secs(15);

fn builder(
    store: &Arc<Faulty>,
    handlers: impl IntoIterator<Item = HandlerRegistration>,
) -> AppBuilder {
    let store: Arc<dyn Store> = Arc::clone(store) as _;
    handlers.into_iter().fold(App::builder().bare().shared_store(store), AppBuilder::register)
}

async fn app(store: &Arc<Faulty>, handlers: impl IntoIterator<Item = HandlerRegistration>) -> App {
    started(builder(store, handlers)).await
}

async fn started(builder: AppBuilder) -> App {
    let app = builder.build().unwrap();
    app.start().await.unwrap();
    app
}

async fn idle(app: &App) {
    tokio::time::timeout(SOON, app.idle()).await.expect("the application becomes idle");
}

fn tenant(number: u32) -> Context {
    Context::for_tenant(format!("tenant-{number}")).unwrap()
}

async fn publish(app: &App, counter: u32, number: u32) {
    app.events().publish(&ctx(), Counted { counter, number }).await.unwrap();
}

/// Publishes one event for each of these tenants; the counter is the tenant's number.
async fn publish_for_tenants(app: &App, tenants: u32, number: u32) {
    for counter in 0..tenants {
        app.events().publish(&tenant(counter), Counted { counter, number }).await.unwrap();
    }
}

/// A handler that does what `handle` does.
fn handler<F: Future<Output = HandlerResult> + Send + 'static>(
    name: &'static str,
    handle: impl Fn(Published<Counted>, Context) -> F + Send + Sync + 'static,
) -> HandlerRegistration {
    Handler::event_fn(name, handle)
}

/// A handler that fails for the counters that `fails` accepts, again and again, until `heals` is set.
fn stubborn(seen: &Seen, heals: &Arc<AtomicBool>, fails: fn(u32) -> bool) -> HandlerRegistration {
    let (seen, heals) = (seen.clone(), Arc::clone(heals));
    let handler = handler("stubborn", move |event, _| {
        let (seen, heals) = (seen.clone(), Arc::clone(&heals));
        async move {
            if fails(event.counter) && !heals.load(SeqCst) {
                return Err(HandlerError::new("not yet"));
            }
            seen.add(event.counter, event.number);
            Ok(())
        }
    });
    let (shortest, longest) = (Duration::from_millis(50), Duration::from_millis(100));
    let retry = RetryPolicy::exponential(1000, shortest, longest);
    handler.options(HandlerOptions::DEFAULT.retry(retry))
}

/// A handler that publishes [`CountedTwice`] for each event.
fn repeating(events: &Arc<Mutex<Option<EventBus>>>) -> HandlerRegistration {
    let events = Arc::clone(events);
    handler("repeat", move |event, ctx| {
        let events = events.lock().unwrap().clone().unwrap();
        async move {
            let Counted { counter, number } = *event;
            events.publish(&ctx, CountedTwice { counter, number }).await?;
            Ok(())
        }
    })
}

fn noting_twice(name: &'static str, seen: &Seen) -> HandlerRegistration {
    let seen = seen.clone();
    Handler::event_fn(name, move |event: Published<CountedTwice>, _| {
        let seen = seen.clone();
        async move {
            seen.add(event.counter, event.number);
            Ok(())
        }
    })
}

pub(crate) async fn a_node_that_could_not_renew_its_leases_goes_on_when_it_can(
    harness: impl Harness,
) {
    let store = Faulty::with_lease(harness.another().await, Duration::from_millis(400));
    let seen = Seen::default();
    let app = app(&store, [noting("one", &seen)]).await;
    publish(&app, 1, 0).await;
    idle(&app).await;
    store.begin(Fault::Fails, [Call::Beat]);
    tokio::time::sleep(Duration::from_millis(700)).await;
    for number in 1..10 {
        publish(&app, 1, number).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(seen.len(), 1, "a node without leases begins no attempt");
    store.heal();
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1], (0..10).collect::<Vec<_>>());
    stop(app).await;
}

pub(crate) async fn an_application_survives_a_store_that_is_away(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    let seen = Seen::default();
    let app = app(&store, [noting("one", &seen)]).await;
    let all = [Call::Append, Call::Read, Call::Beat, Call::Claim, Call::Save];
    for round in 0..3 {
        store.begin(Fault::Fails, all);
        let publisher = {
            let app = app.clone();
            tokio::spawn(async move {
                for number in round * 10..(round + 1) * 10 {
                    publish(&app, 1, number).await;
                }
            })
        };
        tokio::time::sleep(Duration::from_millis(1300)).await;
        store.heal();
        publisher.await.unwrap();
    }
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1], (0..30).collect::<Vec<_>>());
    stop(app).await;
}

pub(crate) async fn a_publisher_is_refused_at_its_deadline_whatever_others_wait_for(
    harness: impl Harness,
) {
    let store = Faulty::new(harness.another().await);
    let app = app(&store, [noting("one", &Seen::default())]).await;
    store.begin(Fault::Fails, [Call::Append]);
    let patient = {
        let app = app.clone();
        tokio::spawn(async move { publish(&app, 1, 1).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let hurried = ctx().with_timeout(Duration::from_millis(100));
    let publishing = app.events().publish(&hurried, Counted { counter: 1, number: 2 });
    let refused = tokio::time::timeout(Duration::from_secs(10), publishing).await;
    assert!(matches!(refused.expect("it is answered"), Err(PublishError::NotStored { .. })));
    store.heal();
    patient.await.unwrap();
    idle(&app).await;
    stop(app).await;
}

pub(crate) async fn a_node_that_joins_a_busy_application_loses_nothing(harness: impl Harness) {
    let inner = harness.another().await;
    let names: Vec<&'static str> =
        (0..5).map(|number| &*String::leak(format!("handler-{number}"))).collect();
    let seen: Vec<Seen> = names.iter().map(|_| Seen::default()).collect();
    let node = || {
        let store = Faulty::new(Arc::clone(&inner));
        let handlers: Vec<_> =
            names.iter().zip(&seen).map(|(name, seen)| noting(name, seen)).collect();
        async move { app(&store, handlers).await }
    };
    let first = node().await;
    let publishing = (0..16).map(|task| {
        let first = first.clone();
        tokio::spawn(async move {
            let begin = Instant::now();
            let mut numbers = 0;
            while begin.elapsed() < Duration::from_secs(1) {
                let events = (0..4).map(|it| Counted { counter: task, number: numbers + it });
                first.events().publish_all(&tenant(task), events).await.unwrap();
                numbers += 4;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            numbers
        })
    });
    let publishing: Vec<_> = publishing.collect();
    let second = node().await;
    let mut published = Vec::new();
    for task in publishing {
        published.push(task.await.unwrap());
    }
    let is_complete = |seen: &Seen| {
        let by_counter = seen.by_counter();
        (0..).zip(&published).all(|(task, numbers)| {
            let mut seen = by_counter.get(&task).cloned().unwrap_or_default();
            seen.sort_unstable();
            seen.dedup();
            seen == (0..*numbers).collect::<Vec<_>>()
        })
    };
    eventually("every event is handled", async || seen.iter().all(is_complete)).await;
    stop(first).await;
    stop(second).await;
}

pub(crate) async fn a_node_that_gives_parked_deliveries_away_goes_on_with_the_rest(
    harness: impl Harness,
) {
    let inner = harness.another().await;
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let lease = Duration::from_millis(300);
    let store = |inner: &Arc<dyn Store>| Faulty::with_lease(Arc::clone(inner), lease);
    let fails = |counter| counter < 40;
    let first = app(&store(&inner), [stubborn(&seen, &heals, fails)]).await;
    // Those that are handled stand above those that fail, which are parked therefore.
    publish_for_tenants(&first, 80, 0).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let second = app(&store(&inner), [stubborn(&seen, &heals, fails)]).await;
    // Until the second node has its share.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    heals.store(true, SeqCst);
    publish_for_tenants(&first, 80, 1).await;
    eventually("both nodes handle their events", async || {
        seen.by_counter().len() == 80 && seen.by_counter().values().all(|it| it.contains(&1))
    })
    .await;
    idle(&first).await;
    idle(&second).await;
    assert!(seen.by_counter().values().all(|it| it[0] == 0), "{:?}", seen.by_counter());
    stop(first).await;
    stop(second).await;
}

pub(crate) async fn an_application_that_is_dropped_frees_its_store_and_its_handlers(
    harness: impl Harness,
) {
    let store = Faulty::new(harness.another().await);
    let alive = Arc::new(());
    let kept = Arc::clone(&alive);
    let one = handler("one", move |_, _| {
        let _kept = Arc::clone(&kept);
        async { Ok(()) }
    });
    let app = app(&store, [one]).await;
    publish(&app, 1, 1).await;
    drop(app);
    eventually("the handlers are dropped", async || Arc::strong_count(&alive) == 1).await;
    eventually("the store is dropped", async || Arc::strong_count(&store) == 1).await;
}

pub(crate) async fn a_parked_delivery_that_no_handler_wants_any_more_keeps_nothing_waiting(
    harness: impl Harness,
) {
    let store = Faulty::new(harness.another().await);
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let before = app(&store, [stubborn(&seen, &heals, |_| true)]).await;
    publish(&before, 1, 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    before.events().publish(&ctx(), CountedTwice { counter: 1, number: 1 }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    stop(before).await;

    let other = noting_twice("stubborn", &seen);
    let app = app(&store, [other]).await;
    app.events().publish(&ctx(), CountedTwice { counter: 1, number: 2 }).await.unwrap();
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1].last(), Some(&2));
    stop(app).await;
}

pub(crate) async fn a_new_handler_gets_what_is_published_before_the_start(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    store.begin(Fault::Delays(Duration::from_millis(200)), [Call::Register]);
    let (by_itself, by_hand) = (Seen::default(), Seen::default());
    // The first publish starts it.
    let app = builder(&store, [noting("by-itself", &by_itself)]).build().unwrap();
    publish(&app, 1, 1).await;
    idle(&app).await;
    assert_eq!(by_itself.len(), 1);
    stop(app).await;

    let app = builder(&store, [noting("by-hand", &by_hand)]).start_manually().build().unwrap();
    publish(&app, 1, 2).await;
    app.start().await.unwrap();
    idle(&app).await;
    assert_eq!(by_hand.by_counter()[&1], [2]);
    stop(app).await;
}

pub(crate) async fn a_failing_entity_that_fills_the_queue_holds_back_itself_alone(
    harness: impl Harness,
) {
    let store = Faulty::new(harness.another().await);
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let stubborn = stubborn(&seen, &heals, |counter| counter == 0);
    let app = started(builder(&store, [stubborn]).queue_capacity(5)).await;
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

pub(crate) async fn what_a_handler_publishes_reaches_transient_handlers_and_streams(
    harness: impl Harness,
) {
    let store = Faulty::new(harness.another().await);
    let (seen, events) = (Seen::default(), Arc::default());
    let transient = noting_twice("transient", &seen).options(HandlerOptions::DEFAULT.transient());
    let app = app(&store, [repeating(&events), transient]).await;
    *events.lock().unwrap() = Some(app.events().clone());
    let mut stream = app.events().subscribe::<CountedTwice>();
    for number in 0..5 {
        publish(&app, 1, number).await;
    }
    idle(&app).await;
    assert_eq!(seen.by_counter().get(&1), Some(&(0..5).collect()));
    let first = tokio::time::timeout(SOON, stream.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.number, 0);
    stop(app).await;
}

pub(crate) async fn a_node_without_handlers_takes_no_shards(harness: impl Harness) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let publisher = app(&Faulty::new(Arc::clone(&inner)), []).await;
    let worker = app(&Faulty::new(Arc::clone(&inner)), [noting("one", &seen)]).await;
    publish_for_tenants(&publisher, 40, 0).await;
    eventually("the worker handles all", async || seen.len() == 40).await;
    idle(&publisher).await;
    stop(publisher).await;
    stop(worker).await;
}

pub(crate) async fn a_node_without_shards_is_idle(harness: impl Harness) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let long = Duration::from_mins(10);
    let first = app(&Faulty::with_lease(Arc::clone(&inner), long), [noting("one", &seen)]).await;
    let second = app(&Faulty::with_lease(Arc::clone(&inner), long), [noting("one", &seen)]).await;
    publish(&first, 1, 1).await;
    idle(&second).await;
    idle(&first).await;
    assert_eq!(seen.len(), 1);
    stop(second).await;
    stop(first).await;
}

pub(crate) async fn a_handler_whose_events_the_store_refuses_fails(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    let (seen, events) = (Seen::default(), Arc::default());
    let app = app(&store, [repeating(&events), noting_twice("twice", &seen)]).await;
    *events.lock().unwrap() = Some(app.events().clone());
    let refuses = Fault::Refuses { name: CountedTwice::NAME, text: r#""number":13"# };
    store.begin(refuses, [Call::Append]);
    for number in 12..15 {
        publish(&app, 1, number).await;
    }
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1], [12, 14]);
    stop(app).await;
    let inner = harness.store();
    let names = [NewSubscription { name: "repeat", start: Start::Now }];
    let subscriptions = inner.register(&names).await.unwrap();
    let repeat = subscriptions.iter().find(|it| it.name == "repeat").unwrap().id;
    assert_eq!(harness.dead(repeat).await.len(), 1);
}

pub(crate) async fn a_shutdown_waits_for_no_retry(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    let (fails, running) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let seen = Seen::default();
    let slow = || {
        let (fails, running, seen) = (Arc::clone(&fails), Arc::clone(&running), seen.clone());
        let handler = handler("slow", move |event, _| {
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
        handler
            .options(HandlerOptions::DEFAULT.retry(RetryPolicy::exponential(3, shortest, longest)))
    };
    let before = app(&store, [slow()]).await;
    publish(&before, 1, 1).await;
    publish(&before, 1, 2).await;
    eventually("the handler runs", async || running.load(SeqCst) > 0).await;
    let begin = Instant::now();
    stop(before).await;
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());

    fails.store(false, SeqCst);
    let app = app(&store, [slow()]).await;
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1], [1, 2]);
    stop(app).await;
}

pub(crate) async fn a_shutdown_ends_although_the_store_hangs(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    let app = app(&store, [noting("one", &Seen::default())]).await;
    store.begin(Fault::Hangs, [Call::Save]);
    publish(&app, 1, 1).await;
    let shutdown = app.shutdown(Duration::from_millis(100));
    let report = tokio::time::timeout(SOON, shutdown).await.expect("the shutdown ends");
    assert!(report.is_clean(), "{report}");
    store.heal();
}

pub(crate) async fn a_publisher_does_not_wait_for_handlers_on_another_node(harness: impl Harness) {
    let inner = harness.another().await;
    let long = Duration::from_mins(10);
    let seen = Seen::default();
    let first = app(&Faulty::with_lease(Arc::clone(&inner), long), [noting("one", &seen)]).await;
    let second = app(&Faulty::with_lease(Arc::clone(&inner), long), [noting("one", &seen)]).await;
    let waiting = async {
        let ctx = ctx();
        second.events().publish_and_wait(&ctx, Counted { counter: 1, number: 1 }).await.unwrap()
    };
    let outcomes = tokio::time::timeout(SOON, waiting).await.expect("it does not wait forever");
    assert!(outcomes.iter().all(|it| !it.is_ok()), "{outcomes:?}");
    eventually("the other node handles it", async || seen.len() == 1).await;
    stop(second).await;
    stop(first).await;
}

pub(crate) async fn a_stuck_handler_keeps_no_shard_from_other_nodes(harness: impl Harness) {
    let inner = harness.another().await;
    let lease = Duration::from_millis(300);
    let store = |inner: &Arc<dyn Store>| Faulty::with_lease(Arc::clone(inner), lease);
    let seen = Seen::default();
    let stuck = || {
        handler("stuck", |event, _| async move {
            if event.number == 0 {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
        .options(HandlerOptions::DEFAULT.concurrency(64))
    };
    let first = app(&store(&inner), [stuck(), noting("count", &seen)]).await;
    publish_for_tenants(&first, 40, 0).await;
    eventually("the other handler goes on", async || seen.len() == 40).await;
    let second = app(&store(&inner), [stuck(), noting("count", &seen)]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    publish_for_tenants(&second, 40, 1).await;
    eventually("the other handler goes on", async || {
        (0..40).all(|counter| seen.by_counter()[&counter].contains(&1))
    })
    .await;
    let _ = first.shutdown(Duration::from_millis(100)).await;
    let _ = second.shutdown(Duration::from_millis(100)).await;
}

pub(crate) async fn an_idle_application_has_handled_all_cascades(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    let (seen, events) = (Seen::default(), Arc::default());
    let app = app(&store, [repeating(&events), noting_twice("twice", &seen)]).await;
    *events.lock().unwrap() = Some(app.events().clone());
    for number in 0..100 {
        publish(&app, number, number).await;
        idle(&app).await;
        assert_eq!(seen.len(), number as usize + 1);
    }
    stop(app).await;
}

pub(crate) async fn a_burst_of_many_publishers_reaches_a_hundred_handlers(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    let names: Vec<&'static str> =
        (0..100).map(|number| &*String::leak(format!("handler-{number}"))).collect();
    let seen: Vec<Seen> = names.iter().map(|_| Seen::default()).collect();
    let handlers = names.iter().zip(&seen).map(|(name, seen)| noting(name, seen));
    let app = app(&store, handlers).await;
    let publishing = (0..16).map(|task| {
        let app = app.clone();
        tokio::spawn(async move {
            for number in 0..100 {
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
        assert_eq!(seen.by_counter(), (0..16).map(|it| (it, (0..100).collect())).collect());
    }
    stop(app).await;
}

pub(crate) async fn a_handler_that_is_far_behind_catches_up(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    let (first, late) = (Seen::default(), Seen::default());
    let before = app(&store, [noting("first", &first)]).await;
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
    let app = started(builder(&store, handlers).queue_capacity(50)).await;
    idle(&app).await;
    let all = (0..16).map(|it| (it, (0..620).collect())).collect();
    assert_eq!(first.by_counter(), all);
    assert_eq!(late.by_counter(), all);
    stop(app).await;
}

pub(crate) async fn a_clean_restart_after_an_outage_handles_nothing_twice(harness: impl Harness) {
    let store = Faulty::new(harness.another().await);
    let seen = Seen::default();
    for round in 0..3 {
        let app = app(&store, [noting("one", &seen)]).await;
        store.begin(Fault::Fails, [Call::Save]);
        publish(&app, 1, round * 2).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        publish(&app, 1, round * 2 + 1).await;
        idle(&app).await;
        store.heal();
        stop(app).await;
    }
    assert_eq!(seen.by_counter()[&1], (0..6).collect::<Vec<_>>());
}

pub(crate) async fn a_node_that_takes_shards_while_it_reads_old_events_loses_nothing(
    harness: impl Harness,
) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let store =
        |inner: &Arc<dyn Store>| Faulty::with_lease(Arc::clone(inner), Duration::from_millis(300));
    let first = app(&store(&inner), [noting("count", &seen)]).await;
    first.handler("count").unwrap().pause();
    for number in 0..10 {
        for counter in 0..40 {
            let events = (0..5).map(|it| Counted { counter, number: number * 5 + it });
            first.events().publish_all(&tenant(counter), events).await.unwrap();
        }
    }
    let slow = store(&inner);
    let second = app(&slow, [noting("count", &seen)]).await;
    slow.begin(Fault::Delays(Duration::from_millis(30)), [Call::Read]);
    // The second node takes one shard after the other, and reads all from the beginning.
    stop(first).await;
    eventually("the second node handles all", async || seen.len() >= 2000).await;
    idle(&second).await;
    assert_eq!(seen.by_counter(), (0..40).map(|it| (it, (0..50).collect())).collect());
    stop(second).await;
}
