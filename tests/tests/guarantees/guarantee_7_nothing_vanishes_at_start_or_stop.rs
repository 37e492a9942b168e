//! What is published before the start is kept; a shutdown drains, and reports what it could not.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cqrs_core::app::Unfinished;
use cqrs_core::lane::DeliveryState;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, Handler, modules};

use crate::support::{Log, ONCE, acme, everybody_waits};

#[derive(Serialize, Deserialize, Event)]
struct DominoFell {
    #[event(entity_id)]
    number: u32,
    of: u32,
}

#[derive(Command)]
struct PushDomino {
    of: u32,
}

#[command_handler(PushDomino)]
struct PushDominoHandler {
    events: EventBus,
}

impl CommandHandler<PushDomino> for PushDominoHandler {
    async fn execute(&self, command: PushDomino, ctx: &Context) -> Result<(), HandlerError> {
        // Long enough for a shutdown to begin meanwhile.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.events.publish(ctx, DominoFell { number: 1, of: command.of }).await?;
        Ok(())
    }
}

/// Each domino brings down the next one, a second later.
#[events_handler(DominoFell, timeout = none)]
struct Topple {
    events: EventBus,
    commands: CommandBus,
    fallen: Log<u32>,
}

impl EventHandler<DominoFell> for Topple {
    async fn handle(&self, event: &DominoFell, ctx: &Context) -> HandlerResult {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.fallen.add(event.number);
        if event.number < event.of {
            self.events.publish(ctx, DominoFell { number: event.number + 1, of: event.of }).await?;
        } else if event.of == 5 {
            // A cascade may also execute commands while the application drains.
            self.commands.execute(ctx, PushDomino { of: 2 }).await?;
        }
        Ok(())
    }
}

fn app(configure: fn(AppBuilder) -> AppBuilder) -> (TestApp, Log<u32>) {
    let fallen = Log::default();
    let app = TestApp::from_builder(configure(App::builder().only(modules![self])));
    (app.provide(fallen.clone()).build().expect("wired"), fallen)
}

#[tokio::test(start_paused = true)]
async fn events_published_before_the_workers_run_are_kept() {
    let (app, fallen) = app(AppBuilder::start_manually);
    app.publish(&acme(), DominoFell { number: 1, of: 3 }).await.expect("accepted");
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(fallen.entries(), [0_u32; 0], "not before the start");
    app.start().await.expect("inside a runtime");
    app.settled().await;
    assert_eq!(fallen.entries(), [1, 2, 3]);
}

#[test]
fn an_application_can_be_built_before_there_is_a_runtime() {
    let (app, fallen) = app(|app| app);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        app.publish(&acme(), DominoFell { number: 1, of: 2 }).await.expect("accepted");
        app.settled().await;
    });
    assert_eq!(fallen.entries(), [1, 2]);
}

#[test]
fn handlers_run_on_the_runtime_on_which_the_application_was_started() {
    let (app, fallen) = app(|app| app);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let first = runtime.worker_threads(1).enable_time().build().expect("a runtime");
    first.block_on(app.start()).expect("started");
    let second = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let event = DominoFell { number: 7, of: 7 };
    let outcomes = second.block_on(app.events().publish_and_wait(&acme(), event));
    assert!(outcomes.expect("accepted").iter().all(cqrs_core::bus::HandlerOutcome::is_ok));
    assert_eq!(fallen.entries(), [7]);
}

#[test]
fn publishing_outside_a_runtime_is_refused_with_a_reason() {
    use futures_util::FutureExt;
    let (app, _) = app(|app| app);
    let refused = app.publish(&acme(), DominoFell { number: 1, of: 1 }).now_or_never();
    assert!(matches!(refused, Some(Err(PublishError::NoRuntime { event: "domino.fell" }))));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_takes_nothing_new_and_drains_what_is_under_way_with_all_it_causes() {
    let (app, fallen) = app(|app| app);
    let running = tokio::spawn({
        let commands = app.commands().clone();
        async move { commands.execute(&acme(), PushDomino { of: 5 }).await }
    });
    everybody_waits().await;

    let draining = tokio::spawn({
        let app = App::clone(&app);
        async move { app.shutdown(Duration::from_mins(1)).await }
    });
    everybody_waits().await;
    let late = app.publish(&acme(), DominoFell { number: 9, of: 9 }).await;
    assert!(matches!(late, Err(PublishError::ShutDown { event: "domino.fell" })));
    let late = app.execute(&acme(), PushDomino { of: 9 }).await;
    assert!(matches!(late, Err(ExecuteError::ShutDown { message: "push.domino" })));

    running.await.expect("no panic").expect("what was under way finishes, and may publish");
    let report = draining.await.expect("no panic");
    assert!(report.is_clean(), "{report}");
    assert_eq!(fallen.entries(), [1, 2, 3, 4, 5, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_reports_what_it_could_not_finish_by_its_deadline() {
    let stuck = Handler::event_fn("stuck", |event: Published<DominoFell>, _| async move {
        match event.number {
            1 => std::future::pending().await,
            _ => Err(HandlerError::msg("again").retry_after(Duration::from_hours(1))),
        }
    });
    let app = App::builder().bare();
    let app = TestApp::from_builder(app).register(stuck.options(ONCE.concurrency(2).retry(
        cqrs_core::RetryPolicy::exponential(2, Duration::from_secs(1), Duration::from_secs(1)),
    )));
    let app = app.build().expect("wired");
    for (number, of) in [(1, 0), (1, 1), (2, 0)] {
        app.publish(&acme(), DominoFell { number, of }).await.expect("accepted");
    }
    everybody_waits().await;

    let began = tokio::time::Instant::now();
    let report = app.shutdown(Duration::from_secs(30)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    let mut states: Vec<_> = report
        .unfinished()
        .iter()
        .map(|it| match it {
            Unfinished::Delivery { handler, event, state, .. } => {
                let domino = event.downcast_ref::<DominoFell>().expect("a domino");
                (handler.to_string(), domino.number, domino.of, *state)
            }
            other => panic!("{other}"),
        })
        .collect();
    states.sort_by_key(|(_, number, of, _)| (*number, *of));
    let expected = [
        ("stuck".to_owned(), 1, 0, DeliveryState::Running),
        ("stuck".to_owned(), 1, 1, DeliveryState::Queued),
        ("stuck".to_owned(), 2, 0, DeliveryState::Retrying),
    ];
    assert_eq!(states, expected);
    assert!(report.to_string().starts_with("3 not finished:\n"), "{report}");
    let again = app.shutdown(Duration::from_secs(30)).await;
    assert_eq!(again.to_string(), report.to_string(), "whoever asks again is told the same");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_runs_past_the_deadline_is_cancelled_and_reported() {
    let (app, _) = app(|app| app);
    let running = tokio::spawn({
        let commands = app.commands().clone();
        async move { commands.execute(&acme(), PushDomino { of: 1 }).await }
    });
    everybody_waits().await;
    let report = app.shutdown(Duration::from_millis(10)).await;
    assert!(matches!(report.unfinished(), [Unfinished::Execution { message: "push.domino", .. }]));
    let cancelled = running.await.expect("no panic");
    assert!(matches!(cancelled, Err(ExecuteError::ShutDown { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_handler_sees_the_shutdown_and_its_deadline_in_its_context() {
    let noticed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&noticed);
    let handler = Handler::event_fn("long", move |_: Published<DominoFell>, ctx: Context| {
        let flag = Arc::clone(&flag);
        async move {
            assert!(!ctx.is_shutting_down());
            assert_eq!(ctx.remaining(), Some(Duration::from_secs(30)), "the default time-out");
            ctx.shutting_down().await;
            flag.store(ctx.is_shutting_down(), SeqCst);
            Ok(())
        }
    });
    let app = App::builder().bare().register(handler);
    let app = app.build().expect("wired");
    app.events().publish(&acme(), DominoFell { number: 1, of: 1 }).await.expect("accepted");
    everybody_waits().await;
    assert!(app.shutdown(Duration::from_secs(5)).await.is_clean());
    assert!(noticed.load(SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_bus_whose_application_was_dropped_refuses_with_a_reason() {
    let (app, _) = app(|app| app);
    let (events, commands) = (app.events().clone(), app.commands().clone());
    let mut stream = events.subscribe::<DominoFell>();
    drop(app);
    let refused = events.publish(&acme(), DominoFell { number: 1, of: 1 }).await;
    let text = refused.expect_err("nobody is there").to_string();
    assert!(text.contains("`domino.fell`") && text.contains("keep it"), "{text}");
    let refused = commands.execute(&acme(), PushDomino { of: 1 }).await;
    assert!(matches!(refused, Err(ExecuteError::ShutDown { .. })));
    assert!(stream.recv().await.is_none(), "the stream ends with its application");
}

#[tokio::test(start_paused = true)]
async fn dropping_an_application_frees_its_handlers() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let handler = Handler::event_fn("holder", move |_: Published<DominoFell>, _| {
        let held = Arc::clone(&held);
        async move {
            drop(held);
            std::future::pending().await
        }
    });
    let app = App::builder().bare().register(handler);
    let app = app.build().expect("wired");
    app.events().publish(&acme(), DominoFell { number: 1, of: 1 }).await.expect("accepted");
    everybody_waits().await;
    drop(app);
    everybody_waits().await;
    assert_eq!(Arc::strong_count(&alive), 1, "handlers, lanes and workers are gone");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_the_next_attempt_of_a_handler_that_was_paused() {
    let fails = Handler::event_fn("fails", |_: Published<DominoFell>, _| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Err(HandlerError::msg("no"))
    });
    let app = App::builder().bare().register(fails).build().expect("wired");
    app.events().publish(&acme(), DominoFell { number: 1, of: 1 }).await.expect("accepted");
    everybody_waits().await;
    app.handler("fails").expect("it is registered").pause();
    let began = tokio::time::Instant::now();
    let report = app.shutdown(Duration::from_hours(1)).await;
    assert!(matches!(
        report.unfinished(),
        [Unfinished::Delivery { state: DeliveryState::Retrying, failed_attempts: 1, .. }]
    ));
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
}

#[derive(Serialize, Deserialize, Event)]
struct TableShook {
    again: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_whose_events_are_refused_at_the_stop_is_reported() {
    let bus: Arc<std::sync::OnceLock<EventBus>> = Arc::default();
    let has_begun = Arc::new(tokio::sync::Notify::new());
    let (events, begin) = (Arc::clone(&bus), Arc::clone(&has_begun));
    let last = Handler::event_fn("z-last", move |event: Published<TableShook>, ctx| {
        let (events, begin) = (Arc::clone(&events), Arc::clone(&begin));
        async move {
            let events = events.get().ok_or_else(|| HandlerError::msg("no bus"))?;
            if event.again {
                return Ok(());
            }
            events.publish(&ctx, TableShook { again: true }).await?;
            begin.notify_one();
            // Until the stop, and then it returns at once.
            while events.publish_now(&ctx, DominoFell { number: 0, of: 0 }).await.is_ok() {
                std::thread::yield_now();
            }
            Ok(())
        }
    });
    // The stop takes a while to look through what this one has queued.
    let stuck = Handler::event_fn("a-stuck", |_: Published<PileGrew>, _| std::future::pending());
    let app = App::builder().bare().queue_capacity(20_000);
    let app = app.register(last.options(ONCE)).register(stuck.options(ONCE.concurrency(1)));
    let app = app.build().expect("wired");
    bus.set(app.events().clone()).expect("set once");
    for _ in 0..20_000 {
        app.events().publish(&acme(), PileGrew).await.expect("accepted");
    }
    app.events().publish(&acme(), TableShook { again: false }).await.expect("accepted");
    has_begun.notified().await;
    let report = app.shutdown(Duration::ZERO).await;
    let is_reported = report
        .unfinished()
        .iter()
        .any(|it| matches!(it, Unfinished::Delivery { handler, .. } if **handler == *"z-last"));
    assert!(is_reported, "its event was dropped: {report}");
}

#[derive(Serialize, Deserialize, Event)]
struct PileGrew;
