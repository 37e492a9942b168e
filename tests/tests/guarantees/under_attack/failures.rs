//! What panics or fails in an odd way stops no lane.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use cqrs_core::middleware::{Call, CallError, Middleware, Next, Outcome};
use cqrs_core::operations::DeliveryFilter;
use cqrs_core::prelude::*;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};
use tokio::time::{sleep, timeout};

use super::{Ping, SOON, bare, test_bare};
use crate::support::{ONCE, acme};

#[derive(Serialize, Deserialize, Event)]
struct Bomb {
    #[event(entity_id)]
    id: u64,
    armed: bool,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.armed || std::thread::panicking(), "boom");
    }
}

/// Panics in its drop with another one.
struct PanicsInDrop(u32);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        if self.0 > 0 {
            std::panic::panic_any(PanicsInDrop(self.0 - 1));
        }
    }
}

#[tokio::test]
async fn an_event_or_a_panic_that_panics_when_it_is_dropped_stops_no_lane() {
    let bomb = Handler::event_fn("bomb", |_: Published<Bomb>, _| async { Ok(()) });
    let panics = Handler::event_fn("panics", |event: Published<Ping>, _| async move {
        if event.n == 0 {
            std::panic::panic_any(PanicsInDrop(2));
        }
        Ok(())
    });
    let one = ONCE.concurrency(1);
    let app = bare().register(bomb.options(one)).register(panics.options(one));
    let app = app.build().expect("wired");
    for armed in [true, false] {
        app.events().publish(&acme(), Bomb { id: 1, armed }).await.expect("accepted");
    }
    for n in 0..2 {
        app.events().publish(&acme(), Ping { id: n, n }).await.expect("accepted");
    }
    timeout(SOON, app.idle()).await.expect("both lanes go on");
}

static ALIVE: AtomicUsize = AtomicUsize::new(0);

#[derive(Serialize, Deserialize, Event)]
struct Counted {
    #[event(entity_id)]
    id: u64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_freed_when_its_handlers_have_settled_it() {
    let handler = Handler::event_fn("h", |_: Published<Counted>, _| async { Ok(()) });
    let app = bare().register(handler).build().expect("wired");
    for id in 0..100 {
        ALIVE.fetch_add(1, SeqCst);
        app.events().publish(&acme(), Counted { id }).await.expect("accepted");
    }
    app.idle().await;
    tokio::task::yield_now().await;
    assert_eq!(ALIVE.load(SeqCst), 0, "workers without work keep none");
}

#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("I will not say it")
    }
}

impl std::error::Error for Unspeakable {}

#[tokio::test(start_paused = true)]
async fn an_error_that_cannot_be_logged_is_retried_and_kept_all_the_same() {
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let handler = Handler::event_fn("h", |_: Published<Ping>, _| async { Err(Unspeakable.into()) });
    let app = bare().register(handler).build().expect("wired");
    let outcomes = app.events().publish_and_wait(&acme(), Ping { id: 1, n: 1 }).await;
    assert_eq!(outcomes.expect("accepted")[0].attempts, 5);
    assert_eq!(app.operations().failed(&DeliveryFilter::dead()).await.expect("in memory").len(), 1);
}

/// Refuses the first call with an error that says that the application stops.
#[derive(Default)]
struct SaysShutDown(AtomicBool);

impl Middleware for SaysShutDown {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        if self.0.swap(true, SeqCst) { next.run(call).await } else { Err(CallError::ShutDown) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_middleware_that_speaks_of_a_shutdown_stops_no_lane() {
    let handler = Handler::event_fn("h", |_: Published<Ping>, _| async { Ok(()) });
    let one = HandlerOptions::DEFAULT.concurrency(1);
    let app = bare().middleware(SaysShutDown::default()).register(handler.options(one));
    let app = app.build().expect("wired");
    let (events, ctx) = (app.events(), acme());
    let outcomes = timeout(SOON, events.publish_and_wait(&ctx, Ping { id: 1, n: 1 })).await;
    let outcomes = outcomes.expect("the lane goes on").expect("accepted");
    assert!(outcomes[0].is_ok() && outcomes[0].attempts == 2, "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn delivering_twice_hides_no_dead_letter() {
    let calls = AtomicUsize::new(0);
    let handler = Handler::event_fn("h", move |_: Published<Ping>, _| {
        let first = calls.fetch_add(1, SeqCst) == 0;
        async move { if first { Err(HandlerError::msg("no").permanent()) } else { Ok(()) } }
    });
    let app = test_bare().deliver_twice().register(handler).build().expect("wired");
    app.expect_failures();
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(
        app.operations().failed(&DeliveryFilter::dead()).await.expect("in memory").len(),
        1,
        "{}",
        app.timeline()
    );
}

#[tokio::test(start_paused = true)]
async fn a_back_off_that_no_clock_can_express_is_long_not_short() {
    let forever = RetryPolicy::exponential(5, Duration::MAX, Duration::MAX);
    let handler =
        Handler::event_fn("h", |_: Published<Ping>, _| async { Err(HandlerError::msg("no")) });
    let app = test_bare().shuffle(1).register(handler.options(ONCE.retry(forever)));
    let app = app.build().expect("wired");
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(app.deliveries_to_named("h")[0].attempts.len(), 1);
}
