//! Applications with a store, and their handlers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use cqrs_core::handler::{HandlerOptions, Start};
use cqrs_core::log::Store;
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{AppBuilder, EventBus, Handler, Published, RetryPolicy};

/// How long something that needs no waiting may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(15);

#[derive(Debug, Serialize, Deserialize, Event)]
#[event(entity = "Counter")]
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

/// What a handler sees that gets these numbers of so many counters.
pub(crate) fn complete(counters: u32, numbers: std::ops::Range<u32>) -> BTreeMap<u32, Vec<u32>> {
    (0..counters).map(|counter| (counter, numbers.clone().collect())).collect()
}

/// A handler that notes what it sees.
pub(crate) fn noting(name: &'static str, seen: &Seen) -> HandlerRegistration {
    let seen = seen.clone();
    Handler::event_fn(name, move |event: Published<Counted>, _| {
        seen.add(event.counter, event.number);
        async { Ok(()) }
    })
}

/// A handler that notes the other event.
pub(crate) fn noting_twice(name: &'static str, seen: &Seen) -> HandlerRegistration {
    let seen = seen.clone();
    Handler::event_fn(name, move |event: Published<CountedTwice>, _| {
        seen.add(event.counter, event.number);
        async { Ok(()) }
    })
}

/// A handler that publishes [`CountedTwice`] for each event.
pub(crate) fn repeating(events: &Arc<OnceLock<EventBus>>) -> HandlerRegistration {
    let events = Arc::clone(events);
    Handler::event_fn("repeat", move |event: Published<Counted>, ctx| {
        let events = events.get().unwrap().clone();
        async move {
            let Counted { counter, number } = *event;
            events.publish(&ctx, CountedTwice { counter, number }).await?;
            Ok(())
        }
    })
}

/// A handler that fails for the counters that `fails` accepts, again and again, until `heals` is set.
pub(crate) fn stubborn(
    seen: &Seen,
    heals: &Arc<AtomicBool>,
    fails: fn(u32) -> bool,
) -> HandlerRegistration {
    let (seen, heals) = (seen.clone(), Arc::clone(heals));
    let handler = Handler::event_fn("stubborn", move |event: Published<Counted>, _| {
        let is_failing = fails(event.counter) && !heals.load(SeqCst);
        if !is_failing {
            seen.add(event.counter, event.number);
        }
        async move { if is_failing { Err(HandlerError::new("not yet")) } else { Ok(()) } }
    });
    let (shortest, longest) = (Duration::from_millis(50), Duration::from_millis(100));
    handler
        .options(HandlerOptions::DEFAULT.retry(RetryPolicy::exponential(1000, shortest, longest)))
}

pub(crate) fn beginning() -> HandlerOptions {
    HandlerOptions::DEFAULT.start(Start::Beginning)
}

pub(crate) fn builder(
    store: Arc<dyn Store>,
    handlers: impl IntoIterator<Item = HandlerRegistration>,
) -> AppBuilder {
    handlers.into_iter().fold(App::builder().bare().shared_store(store), AppBuilder::register)
}

pub(crate) async fn app(
    store: Arc<dyn Store>,
    handlers: impl IntoIterator<Item = HandlerRegistration>,
) -> App {
    started(builder(store, handlers)).await
}

pub(crate) async fn started(builder: AppBuilder) -> App {
    let app = builder.build().unwrap();
    app.start().await.unwrap();
    app
}

pub(crate) async fn idle(app: &App) {
    tokio::time::timeout(SOON, app.idle()).await.expect("the application becomes idle");
}

pub(crate) async fn stop(app: App) {
    let report = app.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean(), "{report}");
}

pub(crate) fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

pub(crate) fn tenant(number: u32) -> Context {
    Context::for_tenant(format!("tenant-{number}")).unwrap()
}

pub(crate) async fn publish(app: &App, counter: u32, number: u32) {
    app.events().publish(&ctx(), Counted { counter, number }).await.unwrap();
}

/// Publishes one event for each of these tenants; the counter is the tenant's number.
pub(crate) async fn publish_for_tenants(app: &App, tenants: u32, number: u32) {
    for counter in 0..tenants {
        app.events().publish(&tenant(counter), Counted { counter, number }).await.unwrap();
    }
}

/// Publishes one event for each of these counters of one tenant.
pub(crate) async fn publish_for_counters(app: &App, counters: u32, number: u32) {
    for counter in 0..counters {
        publish(app, counter, number).await;
    }
}
