//! What an event handler publishes is sent when it succeeds, and dropped when the attempt fails.

use std::sync::OnceLock;

use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};
use tokio::time::sleep;

use crate::support::{ONCE, acme};

#[derive(Serialize, Deserialize, Event)]
struct OrderPlaced {
    #[event(entity_id)]
    order: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct StockReserved {
    #[event(entity_id)]
    order: u32,
    attempt: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct Progress {
    attempt: u32,
}

#[derive(Command)]
struct Reserve {
    order: u32,
}

#[derive(Clone, Default)]
struct Bus(Arc<OnceLock<EventBus>>);

impl Bus {
    fn events(&self) -> EventBus {
        self.0.get().expect("set after the build").clone()
    }
}

fn thrice() -> HandlerOptions {
    let backoff = Duration::from_millis(10);
    HandlerOptions::DEFAULT.retry(RetryPolicy::exponential(3, backoff, backoff)).timeout(None)
}

/// `reserve` publishes and then does `then`, which may fail.
fn app<F, Fut>(options: HandlerOptions, then: F) -> TestApp
where
    F: Fn(Context) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = HandlerResult> + Send + 'static,
{
    let bus = Bus::default();
    let publisher = bus.clone();
    let reserve =
        Handler::event_fn("reserve", move |event: Published<OrderPlaced>, ctx: Context| {
            let (events, then) = (publisher.events(), then.clone());
            async move {
                let reserved = StockReserved { order: event.order, attempt: ctx.attempt() };
                events.publish(&ctx, reserved).await?;
                events.publish_now(&ctx, Progress { attempt: ctx.attempt() }).await?;
                then(ctx).await
            }
        });
    let ship = Handler::event_fn("ship", |_: Published<StockReserved>, _| async { Ok(()) });
    let watch = Handler::event_fn("watch", |_: Published<Progress>, _| async { Ok(()) });
    let app = App::builder().bare().register(reserve.options(options)).register(ship);
    let app = TestApp::from_builder(app.register(watch)).build().expect("wired");
    bus.0.set(app.events().clone()).expect("set once");
    app
}

#[tokio::test(start_paused = true)]
async fn each_retry_drops_what_the_attempt_before_published() {
    let app = app(thrice(), |ctx| async move {
        if ctx.attempt() < 3 { Err(HandlerError::msg("not yet")) } else { Ok(()) }
    });
    app.publish(&acme(), OrderPlaced { order: 7 }).await.expect("accepted");
    app.settled().await;
    let reserved = app.published::<StockReserved>();
    assert_eq!(reserved.iter().map(|it| it.attempt).collect::<Vec<_>>(), [3]);
    let progress = app.published::<Progress>();
    assert_eq!(progress.iter().map(|it| it.attempt).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_an_attempt_that_panics_and_one_that_takes_too_long_publish_nothing() {
    let limited = ONCE.timeout(Some(Duration::from_secs(1)));
    let fails = app(ONCE, |_| async { Err(HandlerError::msg("no")) });
    let panics = app(ONCE, |_| async { panic!("expected by the test") });
    let hangs = app(limited, |_| std::future::pending());
    for app in [fails, panics, hangs] {
        app.publish(&acme(), OrderPlaced { order: 7 }).await.expect("accepted");
        app.settled().await;
        assert_eq!(app.published::<StockReserved>().len(), 0);
        assert_eq!(app.published::<Progress>().len(), 1);
        assert_eq!(app.dead_letters().await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_handler_has_returned() {
    let app = app(ONCE, |_| async {
        sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    app.publish(&acme(), OrderPlaced { order: 7 }).await.expect("accepted");
    sleep(Duration::from_millis(500)).await;
    assert_eq!(app.published::<Progress>().len(), 1);
    assert_eq!(app.published::<StockReserved>().len(), 0);
    app.settled().await;
    assert_eq!(app.deliveries_to_named("ship").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_an_executed_command_publishes_belongs_to_the_handler_that_executed_it() {
    let bus = Bus::default();
    let publisher = bus.clone();
    let reserve = Handler::command_fn("reserve", move |command: Reserve, ctx: Context| {
        let events = publisher.events();
        async move {
            let reserved = StockReserved { order: command.order, attempt: ctx.attempt() };
            events.publish(&ctx, reserved).await?;
            Ok(())
        }
    });
    let commands: Arc<OnceLock<CommandBus>> = Arc::default();
    let executor = Arc::clone(&commands);
    let place = Handler::event_fn("place", move |event: Published<OrderPlaced>, ctx: Context| {
        let commands = executor.get().expect("set after the build").clone();
        async move {
            commands.execute(&ctx, Reserve { order: event.order }).await?;
            if ctx.attempt() < 3 { Err(HandlerError::msg("not yet")) } else { Ok(()) }
        }
    });
    let app = App::builder().bare().register(reserve).register(place.options(thrice()));
    let app = TestApp::from_builder(app).build().expect("wired");
    bus.0.set(app.events().clone()).expect("set once");
    commands.set(app.commands().clone()).expect("set once");
    app.publish(&acme(), OrderPlaced { order: 7 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(app.published::<StockReserved>().len(), 1);
    app.execute(&acme(), Reserve { order: 8 }).await.expect("executed");
    assert_eq!(app.published::<StockReserved>().len(), 2, "outside a handler it is sent at once");
}

#[tokio::test(start_paused = true)]
async fn what_a_spawned_task_publishes_is_sent_at_once() {
    let bus = Bus::default();
    let publisher = bus.clone();
    let handler = Handler::event_fn("h", move |_: Published<OrderPlaced>, ctx: Context| {
        let events = publisher.events();
        async move {
            let task = ctx.spawn(async move {
                let ctx = Context::current().ok_or_else(|| HandlerError::msg("no context"))?;
                events.publish(&ctx, Progress { attempt: ctx.attempt() }).await?;
                HandlerResult::Ok(())
            });
            task.await??;
            Err(HandlerError::msg("no"))
        }
    });
    let app = App::builder().bare().register(handler.options(ONCE));
    let app = TestApp::from_builder(app).build().expect("wired");
    bus.0.set(app.events().clone()).expect("set once");
    app.expect_failures();
    app.publish(&acme(), OrderPlaced { order: 7 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(app.published::<Progress>().len(), 1);
}

#[derive(Serialize, Deserialize, Event)]
struct Ping;

#[derive(Serialize, Deserialize, Event)]
struct Pong;

#[tokio::test(start_paused = true)]
async fn events_that_cause_one_another_without_end_are_refused_with_their_names() {
    for is_fresh in [false, true] {
        let bus = Bus::default();
        let (a, b) = (bus.clone(), bus.clone());
        // Another context is no way out.
        let context = move |ctx: Context| if is_fresh { acme() } else { ctx };
        let first = Handler::event_fn("ping", move |_: Published<Ping>, ctx: Context| {
            let events = a.events();
            async move { events.publish(&context(ctx), Pong).await.map(|_| ()).map_err(Into::into) }
        });
        let second = Handler::event_fn("pong", move |_: Published<Pong>, ctx: Context| {
            let events = b.events();
            async move { events.publish(&context(ctx), Ping).await.map(|_| ()).map_err(Into::into) }
        });
        let app = App::builder().bare().cascade_limit(10);
        let app = app.register(first.options(ONCE)).register(second.options(ONCE));
        let app = TestApp::from_builder(app).build().expect("wired");
        bus.0.set(app.events().clone()).expect("set once");
        app.publish(&acme(), Ping).await.expect("accepted");
        app.settled().await;
        let published = app.published::<Ping>().len() + app.published::<Pong>().len();
        assert_eq!(published, 11, "the first one, and ten that it led to");
        let letters = app.dead_letters().await;
        assert_eq!(letters.len(), 1);
        let error = letters[0].error.clone();
        assert!(error.contains("event `pong` was not published: more than 10 events"), "{error}");
        assert!(error.contains("… -> pong -> ping -> pong -> ping"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_task_of_an_executed_command_publishes_is_sent_at_once() {
    let (bus, commands) = (Bus::default(), Arc::new(OnceLock::<CommandBus>::new()));
    let (publisher, executor) = (bus.clone(), Arc::clone(&commands));
    let reserve = Handler::command_fn("reserve", move |command: Reserve, ctx: Context| {
        let (events, task) = (publisher.events(), ctx.clone());
        async move {
            ctx.spawn(async move {
                sleep(Duration::from_millis(10)).await;
                let ctx = Context::current().unwrap_or(task);
                events.publish(&ctx, StockReserved { order: command.order, attempt: 1 }).await
            });
            Ok(())
        }
    });
    let place = Handler::event_fn("place", move |event: Published<OrderPlaced>, ctx| {
        let commands = executor.get().expect("set after the build").clone();
        async move {
            commands.execute(&ctx, Reserve { order: event.order }).await?;
            sleep(Duration::from_secs(1)).await;
            Err(HandlerError::msg("no"))
        }
    });
    let app = App::builder().bare().register(reserve).register(place.options(ONCE));
    let app = TestApp::from_builder(app).build().expect("wired");
    bus.0.set(app.events().clone()).expect("set once");
    commands.set(app.commands().clone()).expect("set once");
    app.expect_failures();
    app.publish(&acme(), OrderPlaced { order: 7 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(app.published::<StockReserved>().len(), 1, "{}", app.timeline());
}
