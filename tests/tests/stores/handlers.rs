//! What an application promises with a store: its handlers, restarts, several nodes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cqrs_core::handler::{HandlerOptions, Start};
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{AppBuilder, Handler, Published, RetryPolicy};

use crate::harness::Harness;
use crate::support::eventually;

#[derive(Debug, Serialize, Deserialize, Event)]
pub(crate) struct Counted {
    #[event(entity_id)]
    pub(crate) counter: u32,
    pub(crate) number: u32,
}

#[derive(Debug, Serialize, Deserialize, Event)]
pub(crate) struct CountedTwice {
    #[event(entity_id)]
    pub(crate) counter: u32,
    pub(crate) number: u32,
}

/// What a handler has seen, in order.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<(u32, u32)>>>);

impl Seen {
    pub(crate) fn add(&self, counter: u32, number: u32) {
        self.0.lock().unwrap().push((counter, number));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The numbers of each counter, in the order in which they were seen.
    pub(crate) fn by_counter(&self) -> BTreeMap<u32, Vec<u32>> {
        let mut by_counter = BTreeMap::<u32, Vec<u32>>::new();
        for (counter, number) in &*self.0.lock().unwrap() {
            by_counter.entry(*counter).or_default().push(*number);
        }
        by_counter
    }
}

/// A handler that notes what it sees.
pub(crate) fn noting(name: &'static str, seen: &Seen) -> HandlerRegistration {
    let seen = seen.clone();
    Handler::event_fn(name, move |event: Published<Counted>, _| {
        let seen = seen.clone();
        async move {
            seen.add(event.counter, event.number);
            Ok(())
        }
    })
}

pub(crate) fn beginning() -> HandlerOptions {
    HandlerOptions::DEFAULT.start(Start::Beginning)
}

async fn app(
    harness: &impl Harness,
    handlers: impl IntoIterator<Item = HandlerRegistration>,
) -> App {
    let builder: AppBuilder = App::builder().bare().shared_store(harness.another().await);
    let builder = handlers.into_iter().fold(builder, AppBuilder::register);
    let app = builder.build().unwrap();
    app.start().await.unwrap();
    app
}

pub(crate) fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

async fn publish(app: &App, counters: u32, numbers: std::ops::Range<u32>) {
    for number in numbers {
        for counter in 0..counters {
            app.events().publish(&ctx(), Counted { counter, number }).await.unwrap();
        }
    }
}

pub(crate) async fn stop(app: App) {
    let report = app.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean(), "{report}");
}

pub(crate) async fn every_handler_gets_every_event_in_order(harness: impl Harness) {
    let (one, other) = (Seen::default(), Seen::default());
    let app = app(&harness, [noting("one", &one), noting("other", &other)]).await;
    publish(&app, 5, 0..20).await;
    app.idle().await;
    let expected: BTreeMap<u32, Vec<u32>> =
        (0..5).map(|counter| (counter, (0..20).collect())).collect();
    assert_eq!(one.by_counter(), expected);
    assert_eq!(other.by_counter(), expected);
    stop(app).await;
}

pub(crate) async fn what_was_published_before_a_restart_is_handled_after_it(harness: impl Harness) {
    let seen = Seen::default();
    let paused = app(&harness, [noting("one", &seen)]).await;
    paused.handler("one").unwrap().pause();
    publish(&paused, 3, 0..10).await;
    assert_eq!(seen.len(), 0);
    stop(paused).await;

    let app = app(&harness, [noting("one", &seen)]).await;
    app.idle().await;
    assert_eq!(seen.by_counter(), (0..3).map(|it| (it, (0..10).collect())).collect());
    stop(app).await;
}

pub(crate) async fn a_clean_restart_handles_nothing_twice(harness: impl Harness) {
    let seen = Seen::default();
    for round in 0..3 {
        let app = app(&harness, [noting("one", &seen)]).await;
        publish(&app, 4, round * 5..(round + 1) * 5).await;
        app.idle().await;
        stop(app).await;
    }
    assert_eq!(seen.by_counter(), (0..4).map(|it| (it, (0..15).collect())).collect());
}

pub(crate) async fn a_new_handler_starts_where_it_says(harness: impl Harness) {
    let (first, now, all) = (Seen::default(), Seen::default(), Seen::default());
    let before = app(&harness, [noting("first", &first)]).await;
    publish(&before, 2, 0..5).await;
    before.idle().await;
    stop(before).await;

    let handlers = [noting("now", &now), noting("all", &all).options(beginning())];
    let app = app(&harness, handlers).await;
    publish(&app, 2, 5..6).await;
    app.idle().await;
    assert_eq!(now.by_counter(), (0..2).map(|it| (it, vec![5])).collect());
    assert_eq!(all.by_counter(), (0..2).map(|it| (it, (0..6).collect())).collect());
    stop(app).await;
}

pub(crate) async fn a_failing_entity_holds_back_itself_alone_also_across_a_restart(
    harness: impl Harness,
) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let stubborn = |seen: &Seen| {
        let (seen, heals) = (seen.clone(), Arc::clone(&heals));
        let handler = Handler::event_fn("stubborn", move |event: Published<Counted>, _| {
            let (seen, heals) = (seen.clone(), Arc::clone(&heals));
            async move {
                if event.counter == 0 && !heals.load(SeqCst) {
                    return Err(HandlerError::new("not yet"));
                }
                seen.add(event.counter, event.number);
                Ok(())
            }
        });
        let retry =
            RetryPolicy::exponential(1000, Duration::from_millis(50), Duration::from_millis(100));
        handler.options(HandlerOptions::DEFAULT.retry(retry))
    };
    let before = app(&harness, [stubborn(&seen)]).await;
    publish(&before, 3, 0..5).await;
    eventually("the other entities go on", async || seen.len() == 10).await;
    // Long enough to be parked.
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(seen.by_counter(), (1..3).map(|it| (it, (0..5).collect())).collect());
    stop(before).await;

    heals.store(true, SeqCst);
    let app = app(&harness, [stubborn(&seen)]).await;
    publish(&app, 3, 5..6).await;
    app.idle().await;
    assert_eq!(seen.by_counter(), (0..3).map(|it| (it, (0..6).collect())).collect());
    stop(app).await;
}

pub(crate) async fn what_a_handler_publishes_happens_once(harness: impl Harness) {
    let (seen, attempts) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    let events = Arc::new(Mutex::new(None::<cqrs_core::EventBus>));
    let repeat = {
        let (events, attempts) = (Arc::clone(&events), Arc::clone(&attempts));
        Handler::event_fn("repeat", move |event: Published<Counted>, ctx: Context| {
            let events = events.lock().unwrap().clone().unwrap();
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
    let repeat =
        repeat.options(HandlerOptions::DEFAULT.concurrency(1).retry(RetryPolicy::exponential(
            10,
            Duration::from_millis(1),
            Duration::from_millis(2),
        )));
    let twice = {
        let seen = seen.clone();
        Handler::event_fn("twice", move |event: Published<CountedTwice>, _| {
            let seen = seen.clone();
            async move {
                seen.add(event.counter, event.number);
                Ok(())
            }
        })
    };
    let app = app(&harness, [repeat, twice]).await;
    *events.lock().unwrap() = Some(app.events().clone());
    publish(&app, 2, 0..10).await;
    app.idle().await;
    assert_eq!(seen.by_counter(), (0..2).map(|it| (it, (0..10).collect())).collect());
    stop(app).await;
}

pub(crate) async fn publish_and_wait_tells_every_outcome(harness: impl Harness) {
    let seen = Seen::default();
    let fails = Handler::event_fn("fails", |_: Published<Counted>, _| async {
        Err(HandlerError::new("no").permanent())
    });
    let app = app(&harness, [noting("works", &seen), fails]).await;
    let outcomes = app.events().publish_and_wait(&ctx(), Counted { counter: 1, number: 1 }).await;
    let outcomes = outcomes.unwrap();
    let of = |name: &str| outcomes.iter().find(|it| &*it.handler == name).unwrap().is_ok();
    assert_eq!((outcomes.len(), of("works"), of("fails")), (2, true, false));
    app.idle().await;
    stop(app).await;
}

pub(crate) async fn publish_all_is_in_order_and_whole(harness: impl Harness) {
    let seen = Seen::default();
    let app = app(&harness, [noting("one", &seen)]).await;
    let events = (0..50).map(|number| Counted { counter: 7, number });
    assert_eq!(app.events().publish_all(&ctx(), events).await.unwrap().len(), 50);
    app.idle().await;
    assert_eq!(seen.by_counter(), BTreeMap::from([(7, (0..50).collect())]));
    stop(app).await;
}

pub(crate) async fn two_nodes_share_the_events_and_one_takes_over_from_the_other(
    harness: impl Harness,
) {
    let (one, other) = (Seen::default(), Seen::default());
    let first = app(&harness, [noting("count", &one)]).await;
    let second = app(&harness, [noting("count", &other)]).await;
    let publish_for_tenants = async |app: &App, number: u32| {
        for tenant in 0..40 {
            let ctx = Context::for_tenant(format!("tenant-{tenant}")).unwrap();
            app.events().publish(&ctx, Counted { counter: tenant, number }).await.unwrap();
        }
    };
    publish_for_tenants(&first, 0).await;
    eventually("one node handles all", async || one.len() + other.len() == 40).await;
    // The second node gets its share with the next beats.
    let mut number = 0;
    eventually("the second node gets its share", async || {
        number += 1;
        publish_for_tenants(&second, number).await;
        other.len() > 0
    })
    .await;
    let published = 40 * (number as usize + 1);
    eventually("both handle all", async || one.len() + other.len() == published).await;
    stop(first).await;
    let before = other.len();
    publish_for_tenants(&second, number + 1).await;
    eventually("the rest handles all", async || other.len() == before + 40).await;
    stop(second).await;
}
