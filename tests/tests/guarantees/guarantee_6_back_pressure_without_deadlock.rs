//! Queues are bounded: outside publishers wait, handlers never do.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cqrs_core::Handler;
use cqrs_core::bus::HandlerControl;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use crate::support::{ONCE, acme, everybody_waits};

#[derive(Serialize, Deserialize, Event)]
struct BoxArrived {
    #[event(entity_id)]
    id: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct BallThrown {
    #[event(entity_id)]
    ball: u32,
    times: u32,
}

/// A handler that finishes as many deliveries as there are permits.
fn app_with_gate(capacity: usize) -> (TestApp, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let pass = Arc::clone(&gate);
    let slow = Handler::event_fn("slow", move |_: Published<BoxArrived>, _| {
        let pass = Arc::clone(&pass);
        async move {
            pass.acquire().await?.forget();
            Ok(())
        }
    });
    let quick = Handler::event_fn("quick", |_: Published<BoxArrived>, _| async { Ok(()) });
    let app = App::builder().bare().queue_capacity(capacity);
    let app = TestApp::from_builder(app).register(slow.options(ONCE)).register(quick);
    (app.build().expect("wired"), gate)
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_an_outside_publisher_wait_until_there_is_room() {
    let (app, gate) = app_with_gate(2);
    for id in 0..2 {
        app.publish(&acme(), BoxArrived { id }).await.expect("there is room");
    }
    let third = app.events().clone();
    let third = tokio::spawn(async move { third.publish(&acme(), BoxArrived { id: 2 }).await });
    everybody_waits().await;
    assert!(!third.is_finished(), "two are in the queue, and two fit");
    assert_eq!(app.published::<BoxArrived>().len(), 2);

    gate.add_permits(1);
    third.await.expect("no panic").expect("accepted once there is room");
    gate.add_permits(2);
    app.settled().await;
    assert_eq!(app.deliveries_to_named("slow").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_gives_up_waiting_has_published_to_nobody() {
    let (app, gate) = app_with_gate(1);
    app.publish(&acme(), BoxArrived { id: 0 }).await.expect("there is room");
    everybody_waits().await;
    let ctx = acme();
    let mut given_up = Box::pin(app.publish(&ctx, BoxArrived { id: 1 }));
    assert!((&mut given_up).now_or_never().is_none(), "it waits");
    drop(given_up);

    // The quick handler had room all the time.
    gate.add_permits(2);
    app.publish(&acme(), BoxArrived { id: 2 }).await.expect("there is room");
    app.settled().await;
    for handler in ["quick", "slow"] {
        let seen = app.deliveries_to_named(handler);
        let seen: Vec<_> = seen
            .iter()
            .filter_map(|it| it.event.downcast_ref::<BoxArrived>())
            .map(|it| it.id)
            .collect();
        assert_eq!(seen, [0, 2], "{handler}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_floods_a_handler_keeps_no_other_tenant_out() {
    let (app, gate) = app_with_gate(4);
    let flood: Vec<_> = (0..100)
        .map(|id| {
            let events = app.events().clone();
            tokio::spawn(async move { events.publish(&acme(), BoxArrived { id }).await })
        })
        .collect();
    everybody_waits().await;
    let globex = Context::for_tenant("globex").expect("a valid tenant");
    let published = app.publish(&globex, BoxArrived { id: 0 }).now_or_never();
    published.expect("it waits for nobody").expect("accepted");

    gate.add_permits(101);
    for publisher in flood {
        publisher.await.expect("no panic").expect("accepted");
    }
    app.settled().await;
    let order = app.deliveries_to_named("slow");
    let waited = order.iter().position(|it| it.event.context().tenant() == globex.tenant());
    assert!(waited < Some(9), "eight at a time, and then its turn: {waited:?} of 101 came first");
}

struct Throw {
    events: std::sync::OnceLock<EventBus>,
    thrown: Arc<AtomicU32>,
    fresh_context: bool,
}

impl EventHandler<BallThrown> for Arc<Throw> {
    async fn handle(&self, event: &BallThrown, ctx: &Context) -> HandlerResult {
        self.thrown.fetch_add(1, SeqCst);
        if event.times > 0 {
            // A context made here is still inside this handler.
            let fresh = Context::system();
            let ctx = if self.fresh_context { &fresh } else { ctx };
            let events = self.events.get().ok_or_else(|| HandlerError::msg("no bus yet"))?;
            for _ in 0..2 {
                let next = BallThrown { ball: event.ball, times: event.times - 1 };
                events.publish(ctx, next).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_floods_its_own_full_queue_cannot_deadlock() {
    for fresh_context in [false, true] {
        let thrown = Arc::new(AtomicU32::new(0));
        let throw = Throw {
            events: std::sync::OnceLock::new(),
            thrown: Arc::clone(&thrown),
            fresh_context,
        };
        let throw = Arc::new(throw);
        let handler = Handler::events("throw", Arc::clone(&throw)).on::<BallThrown>();
        let app = App::builder().bare().queue_capacity(1);
        let app = TestApp::from_builder(app).register(handler.options(ONCE.concurrency(1)));
        let app = app.build().expect("wired");
        throw.events.set(app.events().clone()).expect("set once");

        app.publish(&acme(), BallThrown { ball: 1, times: 9 }).await.expect("accepted");
        app.settled().await;
        assert_eq!(thrown.load(SeqCst), (1 << 10) - 1, "a full binary tree of throws");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_outcomes_inside_a_handler_is_refused_since_it_could_wait_for_itself() {
    let app = TestApp::builder().only::<Impatient>().build().expect("wired");
    app.publish(&acme(), BoxArrived { id: 1 }).await.expect("accepted");
    app.settled().await;
    let error = app.deliveries_to::<Impatient>()[0].last_error().expect("refused").to_string();
    assert!(error.contains("use `publish`"), "{error}");
}

#[events_handler(BoxArrived, retry = none)]
struct Impatient {
    events: EventBus,
}

impl EventHandler<BoxArrived> for Impatient {
    async fn handle(&self, event: &BoxArrived, ctx: &Context) -> HandlerResult {
        self.events.publish_and_wait(ctx, BoxArrived { id: event.id }).await?;
        Ok(())
    }
}

#[derive(Serialize, Deserialize, Event)]
struct LetterArrived {
    #[event(entity_id)]
    id: u32,
}

struct Records;

impl<E: Event> EventHandler<E> for Records {
    async fn handle(&self, _: &E, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn publishers_that_wait_at_a_stuck_handler_keep_no_place_at_another() {
    let stuck = Handler::event_fn("stuck", |_: Published<BoxArrived>, _| std::future::pending());
    let log = Handler::events("log", Records).on::<BoxArrived>().on::<LetterArrived>();
    let app = App::builder().bare().queue_capacity(4);
    let app = app.register(stuck.options(ONCE)).register(log.options(ONCE));
    let app = TestApp::from_builder(app).build().expect("wired");
    for id in 0..12 {
        let events = app.events().clone();
        tokio::spawn(async move { events.publish(&acme(), BoxArrived { id }).await });
    }
    everybody_waits().await;
    assert_eq!(app.handler("stuck").expect("it is there").status().waiting_publishers, 8);
    let ctx = acme();
    let letter = app.events().publish_and_wait(&ctx, LetterArrived { id: 1 });
    let outcomes = tokio::time::timeout(Duration::from_secs(1), letter).await;
    assert!(outcomes.expect("it does not wait").expect("accepted")[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_publisher_to_two_busy_handlers_has_its_turn_although_others_fill_both() {
    let slow = |name: &'static str| {
        let events = Handler::events(name, Slow);
        match name {
            "left" => events.on::<BoxArrived>().on::<BallThrown>(),
            _ => events.on::<LetterArrived>().on::<BallThrown>(),
        }
        .options(ONCE.concurrency(1))
    };
    let app =
        App::builder().bare().queue_capacity(1).register(slow("left")).register(slow("right"));
    let app = TestApp::from_builder(app).build().expect("wired");
    for _ in 0..4 {
        let events = app.events().clone();
        tokio::spawn(async move {
            loop {
                events.publish(&acme(), BoxArrived { id: 1 }).await.expect("accepted");
            }
        });
        let events = app.events().clone();
        tokio::spawn(async move {
            loop {
                events.publish(&acme(), LetterArrived { id: 1 }).await.expect("accepted");
            }
        });
    }
    everybody_waits().await;
    let ctx = acme();
    let both = app.publish(&ctx, BallThrown { ball: 1, times: 0 });
    let both = tokio::time::timeout(Duration::from_secs(60), both).await;
    both.expect("it has its turn at both").expect("accepted");
}

struct Slow;

impl<E: Event> EventHandler<E> for Slow {
    async fn handle(&self, _: &E, _: &Context) -> HandlerResult {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

struct Yields;

impl<E: Event> EventHandler<E> for Yields {
    async fn handle(&self, _: &E, _: &Context) -> HandlerResult {
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_that_give_up_at_the_same_time_leave_all_of_the_room_to_others() {
    let first = Handler::events("first", Yields).on::<BoxArrived>().on::<LetterArrived>();
    let second = Handler::events("second", Yields).on::<LetterArrived>().on::<BallThrown>();
    let third = Handler::events("third", Yields).on::<BallThrown>().on::<BoxArrived>();
    let app = App::builder().bare().queue_capacity(2);
    let app = app.register(first).register(second).register(third).build().expect("wired");
    let publish = |tenant: u32, id: u32| {
        let events = app.events().clone();
        async move {
            let ctx = Context::for_tenant(format!("tenant-{}", tenant % 3)).expect("valid");
            match (tenant + id) % 3 {
                0 => events.publish(&ctx, BoxArrived { id }).await,
                1 => events.publish(&ctx, LetterArrived { id }).await,
                _ => events.publish(&ctx, BallThrown { ball: id, times: 0 }).await,
            }
        }
    };
    let publishers = (0..32).map(|tenant| {
        let events: Vec<_> = (0..50).map(|id| (id, publish(tenant, id))).collect();
        tokio::spawn(async move {
            for (id, event) in events {
                let patience = Duration::from_micros(u64::from((tenant * 7 + id * 13) % 40 * 20));
                if id % 2 == 0 {
                    event.await.expect("accepted");
                } else {
                    let _ = tokio::time::timeout(patience, event).await;
                }
            }
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.expect("no panic");
    }
    app.idle().await;
    assert!(app.handlers().iter().all(HandlerControl::pause));
    for id in 0..2 {
        publish(0, id * 3).now_or_never().expect("there is room").expect("accepted");
    }
    assert!(publish(0, 0).now_or_never().is_none(), "now there is none");
    assert!(app.handlers().iter().all(|handler| handler.status().waiting_publishers == 0));
}
