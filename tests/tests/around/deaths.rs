//! Handlers of deliveries that have died.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use cqrs_core::log::{Entry, MemoryStore, StoreError};
use cqrs_core::operations::DeliveryDied;
use cqrs_core::prelude::*;
use cqrs_core::{App, AppBuilder, Handler, HandlerOptions, RetryPolicy};
use cqrs_tests::intercepted::{Intercepted, Interceptor};

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "deaths.order.placed")]
struct OrderPlaced {
    #[event(entity_id)]
    order_id: u32,
    #[event(redact)]
    card: String,
}

type Seen = Arc<Mutex<Vec<DeliveryDied>>>;

/// An application whose handler "charge" always fails, and whose handler "compensate" sees each death, and fails too if
/// `compensates` is false.
fn app(seen: &Seen, store: Option<&MemoryStore>, compensates: bool) -> App {
    let app = builder(seen, compensates);
    let app = match store {
        Some(store) => app.store(store.clone()),
        None => app,
    };
    app.build().expect("wired")
}

fn builder(seen: &Seen, compensates: bool) -> AppBuilder {
    let twice = RetryPolicy::exponential(2, Duration::from_millis(1), Duration::from_millis(1));
    let charge = |event: Published<OrderPlaced>, _: Context| async move {
        Err(HandlerError::msg(format!("card {} is blocked", event.card)))
    };
    let seen = Arc::clone(seen);
    let compensate = move |died: Published<DeliveryDied>, ctx: Context| {
        let seen = Arc::clone(&seen);
        async move {
            assert_eq!(ctx.tenant().to_string(), "acme");
            assert_eq!(ctx.causation_id(), Some(died.event_id));
            seen.lock().expect("not poisoned").push((*died).clone());
            if compensates { Ok(()) } else { Err(HandlerError::msg("no").permanent()) }
        }
    };
    let options = HandlerOptions::DEFAULT.retry(twice);
    let charge = Handler::event_fn("charge", charge).options(options);
    let app = App::builder().bare().register(charge);
    app.register(Handler::event_fn("compensate", compensate))
}

fn order() -> OrderPlaced {
    OrderPlaced { order_id: 7, card: "4111-1111".to_owned() }
}

fn acme() -> Context {
    Context::for_tenant("acme").expect("a valid tenant")
}

#[tokio::test]
async fn a_handler_reacts_to_a_delivery_that_has_died_in_memory_and_with_a_store() {
    for store in [None, Some(MemoryStore::new())] {
        let seen = Seen::default();
        let app = app(&seen, store.as_ref(), true);
        app.start().await.expect("started");
        let id = app.publish(&acme(), order()).await.expect("published");
        app.idle().await;

        let seen = seen.lock().expect("not poisoned").clone();
        let [died] = &seen[..] else { panic!("one death: {seen:?}") };
        assert_eq!(
            (&*died.handler, &*died.event_name, died.event_id),
            ("charge", OrderPlaced::NAME, id)
        );
        assert_eq!((died.attempts, &*died.error), (2, "card [redacted] is blocked"));
        let event = died.event::<OrderPlaced>().expect("it is one").expect("readable");
        assert_eq!((event.order_id, &*event.card), (7, "4111-1111"));
        assert!(died.event::<DeliveryDied>().is_none());
        assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    }
}

#[test]
fn a_unit_test_makes_a_death_itself() {
    let died = DeliveryDied::of("charge", &order(), "no money").expect("it has a form");
    assert_eq!((&*died.handler, &*died.error, died.attempts), ("charge", "no money", 1));
    assert_eq!(died.event::<OrderPlaced>().expect("it is one").expect("readable").order_id, 7);
}

#[tokio::test]
async fn the_death_of_a_handler_of_deaths_is_not_published() {
    for store in [None, Some(MemoryStore::new())] {
        let seen = Seen::default();
        let app = app(&seen, store.as_ref(), false);
        app.start().await.expect("started");
        app.publish(&acme(), order()).await.expect("published");
        app.idle().await;
        assert_eq!(seen.lock().expect("not poisoned").len(), 1);
        let all = cqrs_core::operations::DeliveryFilter::dead();
        assert_eq!(app.operations().failed(&all).await.expect("listed").len(), 2);
    }
}

/// Its payload does not have the form of the event.
#[tokio::test]
async fn an_event_that_cannot_be_read_dies_too() {
    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "deaths.order.placed")]
    struct Older {
        order: u32,
    }

    let store = MemoryStore::new();
    // The handlers have their subscriptions before the older build publishes.
    let seen = Seen::default();
    let first = app(&seen, Some(&store), true);
    first.start().await.expect("started");
    assert!(first.shutdown(Duration::from_secs(10)).await.is_clean());
    let older = App::builder().bare().store(store.clone()).build().expect("wired");
    older.start().await.expect("started");
    let id = older.publish(&acme(), Older { order: 7 }).await.expect("published");
    assert!(older.shutdown(Duration::from_secs(10)).await.is_clean());

    let app = app(&seen, Some(&store), true);
    app.start().await.expect("started");
    app.idle().await;
    let seen = seen.lock().expect("not poisoned");
    assert_eq!((seen.len(), seen[0].event_id, seen[0].attempts), (1, id, 0));
    assert!(seen[0].error.contains("missing field `order_id`"), "{}", seen[0].error);
    assert!(seen[0].event::<OrderPlaced>().expect("it is one").is_err());
}

/// Refuses the event of a death until the test lets it pass.
#[derive(Debug, Default)]
struct Deaths {
    takes_deaths: AtomicBool,
    refused: AtomicUsize,
}

#[derive(Debug, Clone, Default)]
struct Switch(Arc<Deaths>);

impl Interceptor for Switch {
    fn appends(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut events = entries.iter().flat_map(|entry| &entry.events);
        if self.0.takes_deaths.load(SeqCst) || !events.any(|event| event.name == DeliveryDied::NAME)
        {
            return Ok(());
        }
        self.0.refused.fetch_add(1, SeqCst);
        Err(StoreError::Unavailable("switched off".into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_written_only_after_its_event_is_in_the_log() {
    let (seen, switch) = (Seen::default(), Switch::default());
    let store = Intercepted::new(Arc::new(MemoryStore::new()), switch.clone());
    let app = builder(&seen, true).store(store).build().expect("wired");
    app.start().await.expect("started");
    app.publish(&acme(), order()).await.expect("published");
    while switch.0.refused.load(SeqCst) < 10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let all = cqrs_core::operations::DeliveryFilter::dead();
    assert!(app.operations().failed(&all).await.expect("listed").is_empty());

    switch.0.takes_deaths.store(true, SeqCst);
    app.idle().await;
    assert_eq!(seen.lock().expect("not poisoned").len(), 1);
    assert_eq!(app.operations().failed(&all).await.expect("listed").len(), 1);
}
