//! What an application of several nodes promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::handler::HandlerOptions;
use cqrs_core::{Handler, Published};

use crate::applications::{
    Counted, SOON, Seen, app, complete, ctx, idle, noting, publish, publish_for_tenants, stop,
    stubborn, tenant,
};
use crate::faulty::{Call, Fault, faulty, faulty_with_lease};
use crate::harness::Harness;
use crate::support::{LONG, eventually};

/// How many of the 16 shards each of two nodes has.
const SHARE: usize = 8;

/// A short time, for nodes that get their share with the next beats.
const SHORT_LEASE: Duration = Duration::from_millis(300);

pub(crate) async fn two_nodes_share_the_events_and_one_takes_over_from_the_other(
    harness: impl Harness,
) {
    let (one, other) = (Seen::default(), Seen::default());
    let first = app(harness.another().await, [noting("count", &one)]).await;
    let store = faulty(harness.another().await);
    let second = app(store.clone(), [noting("count", &other)]).await;
    store.has_claimed(SHARE / 2).await;
    publish_for_tenants(&first, 40, 0).await;
    eventually("both handle all", async || one.len() + other.len() == 40).await;
    assert!(one.len() > 0 && other.len() > 0, "{} and {}", one.len(), other.len());
    stop(first).await;
    let before = other.len();
    publish_for_tenants(&second, 40, 1).await;
    eventually("the rest handles all", async || other.len() == before + 40).await;
    stop(second).await;
}

pub(crate) async fn a_node_that_joins_a_busy_application_loses_nothing(harness: impl Harness) {
    let inner = harness.another().await;
    let names: Vec<&'static str> =
        (0..5).map(|number| &*String::leak(format!("handler-{number}"))).collect();
    let seen: Vec<Seen> = names.iter().map(|_| Seen::default()).collect();
    let handlers = || names.iter().zip(&seen).map(|(name, seen)| noting(name, seen));
    let first = app(inner.clone(), handlers()).await;
    let has_joined = Arc::new(AtomicBool::new(false));
    let publishing = (0..16).map(|task| {
        let (first, has_joined) = (first.clone(), Arc::clone(&has_joined));
        tokio::spawn(async move {
            let mut numbers = 0;
            while !has_joined.load(SeqCst) {
                let events = (0..4).map(|it| Counted { counter: task, number: numbers + it });
                first.events().publish_all(&tenant(task), events).await.unwrap();
                numbers += 4;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            numbers
        })
    });
    let publishing: Vec<_> = publishing.collect();
    let store = faulty(inner);
    let second = app(store.clone(), handlers()).await;
    store.has_claimed(2).await;
    has_joined.store(true, SeqCst);
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
    let handler = || [stubborn(&seen, &heals, |counter| counter < 40)];
    let store = faulty_with_lease(inner.clone(), SHORT_LEASE);
    let first = app(store.clone(), handler()).await;
    // In most shards, what is handled is above what fails, which is parked therefore.
    publish_for_tenants(&first, 80, 0).await;
    store.has_parked(20).await;
    let store = faulty_with_lease(inner, SHORT_LEASE);
    let second = app(store.clone(), handler()).await;
    store.has_claimed(SHARE).await;
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

pub(crate) async fn a_node_that_takes_shards_while_it_reads_old_events_loses_nothing(
    harness: impl Harness,
) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let handler = || [noting("count", &seen)];
    let first = app(faulty_with_lease(inner.clone(), SHORT_LEASE), handler()).await;
    first.handler("count").unwrap().pause();
    for number in 0..10 {
        for counter in 0..40 {
            let events = (0..5).map(|it| Counted { counter, number: number * 5 + it });
            first.events().publish_all(&tenant(counter), events).await.unwrap();
        }
    }
    let store = faulty_with_lease(inner, SHORT_LEASE);
    let second = app(store.clone(), handler()).await;
    store.begin(Fault::Delays(Duration::from_millis(30)), [Call::Read]);
    // The second node takes one shard after the other, and reads all from the beginning.
    stop(first).await;
    eventually("the second node handles all", async || seen.len() >= 2000).await;
    idle(&second).await;
    assert_eq!(seen.by_counter(), complete(40, 0..50));
    stop(second).await;
}

pub(crate) async fn a_node_without_handlers_takes_no_shards(harness: impl Harness) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let publisher = app(inner.clone(), []).await;
    let worker = app(inner, [noting("one", &seen)]).await;
    publish_for_tenants(&publisher, 40, 0).await;
    eventually("the worker handles all", async || seen.len() == 40).await;
    idle(&publisher).await;
    stop(publisher).await;
    stop(worker).await;
}

pub(crate) async fn a_node_without_shards_is_idle(harness: impl Harness) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let first = app(faulty_with_lease(inner.clone(), LONG), [noting("one", &seen)]).await;
    let second = app(faulty_with_lease(inner, LONG), [noting("one", &seen)]).await;
    publish(&first, 1, 1).await;
    idle(&second).await;
    idle(&first).await;
    assert_eq!(seen.len(), 1);
    stop(second).await;
    stop(first).await;
}

pub(crate) async fn a_publisher_does_not_wait_for_handlers_on_another_node(harness: impl Harness) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let first = app(faulty_with_lease(inner.clone(), LONG), [noting("one", &seen)]).await;
    let second = app(faulty_with_lease(inner, LONG), [noting("one", &seen)]).await;
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
    let seen = Seen::default();
    let handlers = || {
        let stuck = Handler::event_fn("stuck", |event: Published<Counted>, _| async move {
            if event.number == 0 {
                std::future::pending::<()>().await;
            }
            Ok(())
        });
        [stuck.options(HandlerOptions::DEFAULT.concurrency(64)), noting("count", &seen)]
    };
    let first = app(faulty_with_lease(inner.clone(), SHORT_LEASE), handlers()).await;
    publish_for_tenants(&first, 40, 0).await;
    eventually("the other handler goes on", async || seen.len() == 40).await;
    let store = faulty_with_lease(inner, SHORT_LEASE);
    let second = app(store.clone(), handlers()).await;
    store.has_claimed(SHARE).await;
    publish_for_tenants(&second, 40, 1).await;
    eventually("the other handler goes on", async || {
        (0..40).all(|counter| seen.by_counter()[&counter].contains(&1))
    })
    .await;
    let _ = first.shutdown(Duration::from_millis(100)).await;
    let _ = second.shutdown(Duration::from_millis(100)).await;
}
