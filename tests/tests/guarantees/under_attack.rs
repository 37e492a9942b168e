//! What once broke a guarantee, or might: hostile handlers, races at the stop.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use cqrs_core::app::{Modules, ProblemKind};
use cqrs_core::middleware::{Call, CallError, Middleware, Next, Outcome};
use cqrs_core::prelude::*;
use cqrs_core::testing::{TestApp, TestAppBuilder};
use cqrs_core::{AppBuilder, Handler, HandlerOptions, RetryPolicy};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::support::{ONCE, acme};

#[derive(Serialize, Deserialize, Event)]
struct Ping {
    #[event(entity_id)]
    id: u64,
    n: u64,
}

fn bare() -> AppBuilder {
    App::builder().bare()
}

fn test_bare() -> TestAppBuilder {
    TestApp::from_builder(bare())
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

type Slot<T> = Arc<Mutex<Option<T>>>;

fn fill<T>(slot: &Slot<T>, value: T) {
    *slot.lock().expect("not poisoned") = Some(value);
}

fn read<T: Clone>(slot: &Slot<T>) -> T {
    slot.lock().expect("not poisoned").clone().expect("filled before")
}

const SOON: Duration = Duration::from_secs(5);

// ---- The stop ---------------------------------------------------------------------------------

#[test]
fn a_publisher_that_waits_for_room_during_the_stop_is_refused_or_its_event_is_reported() {
    for threads in [1, 4] {
        let runtime = match threads {
            1 => current_thread(),
            _ => Builder::new_multi_thread()
                .worker_threads(threads)
                .enable_all()
                .build()
                .expect("a runtime"),
        };
        for _ in 0..20 {
            runtime.block_on(async {
                let never =
                    Handler::event_fn("never", |_: Published<Ping>, _| std::future::pending());
                let app = bare().queue_capacity(1).register(never.options(ONCE.concurrency(1)));
                let app = app.build().expect("wired");
                let publishers: Vec<_> = (0..3)
                    .map(|n| {
                        let events = app.events().clone();
                        tokio::spawn(
                            async move { events.publish(&acme(), Ping { id: n, n }).await },
                        )
                    })
                    .collect();
                tokio::task::yield_now().await;
                let report = app.shutdown(Duration::from_millis(5)).await;
                let mut accepted = 0;
                for publisher in publishers {
                    accepted += usize::from(publisher.await.expect("no panic").is_ok());
                }
                assert_eq!(accepted, report.unfinished().len(), "{report}");
                timeout(SOON, app.idle()).await.expect("nothing is left in flight");
            });
        }
    }
}

static SERIALIZING: AtomicBool = AtomicBool::new(false);
static STOPPED: AtomicBool = AtomicBool::new(false);

#[derive(Deserialize, Event)]
struct SlowToSerialize {
    n: u64,
}

impl Serialize for SlowToSerialize {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SERIALIZING.store(true, SeqCst);
        while !STOPPED.load(SeqCst) {
            std::thread::yield_now();
        }
        serializer.serialize_u64(self.n)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_event_that_is_still_being_accepted_when_all_stops_is_refused() {
    let handler = Handler::event_fn("h", |_: Published<SlowToSerialize>, _| async { Ok(()) });
    let app = bare().register(handler).build().expect("wired");
    let events = app.events().clone();
    let publisher = tokio::spawn(async move {
        events.publish_and_wait(&acme(), SlowToSerialize { n: 1 }).await.map(|_| ())
    });
    while !SERIALIZING.load(SeqCst) {
        tokio::task::yield_now().await;
    }
    assert!(app.shutdown(Duration::ZERO).await.is_clean());
    STOPPED.store(true, SeqCst);
    let refused = timeout(SOON, publisher).await.expect("it does not hang").expect("no panic");
    assert!(matches!(refused, Err(PublishError::ShutDown { .. })));
    let again = timeout(SOON, app.shutdown(Duration::from_hours(1)))
        .await
        .expect("there is nothing to wait for");
    assert!(again.is_clean(), "{again}");
}

#[tokio::test(start_paused = true)]
async fn no_handler_begins_after_a_shutdown_has_returned() {
    for seed in 0..20 {
        let (over, late) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (is_over, count) = (Arc::clone(&over), Arc::clone(&late));
        let handler = Handler::event_fn("h", move |_: Published<Ping>, _| {
            if is_over.load(SeqCst) {
                count.fetch_add(1, SeqCst);
            }
            async { Ok(()) }
        });
        let app = test_bare().shuffle(seed).register(handler).build().expect("wired");
        app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
        tokio::task::yield_now().await;
        let _ = app.shutdown(Duration::ZERO).await;
        over.store(true, SeqCst);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(late.load(SeqCst), 0, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn overlapping_shutdowns_are_told_the_same() {
    let never = Handler::event_fn("never", |_: Published<Ping>, _| std::future::pending());
    let app = bare().register(never.options(ONCE)).build().expect("wired");
    app.events().publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    let (long, short) =
        tokio::join!(app.shutdown(Duration::from_secs(30)), app.shutdown(Duration::from_secs(1)));
    assert!(!long.is_clean() && !short.is_clean());
}

#[derive(Command)]
struct TakeASecond;

#[command_handler(TakeASecond)]
struct TakeASecondHandler;

impl CommandHandler<TakeASecond> for TakeASecondHandler {
    async fn execute(&self, _: TakeASecond, _: &Context) -> Result<(), HandlerError> {
        sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_may_finish_in_a_shutdown_before_the_start_and_what_was_kept_is_reported() {
    let app = TestApp::from_builder(App::builder().start_manually())
        .only::<TakeASecondHandler>()
        .register(Handler::event_fn("h", |_: Published<Ping>, _| async { Ok(()) }))
        .build()
        .expect("wired");
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    let commands = app.commands().clone();
    let running = tokio::spawn(async move { commands.execute(&acme(), TakeASecond).await });
    sleep(Duration::from_millis(1)).await;
    let report = app.shutdown(Duration::from_secs(30)).await;
    running.await.expect("no panic").expect("it had time");
    assert_eq!(report.unfinished().len(), 1, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_outlives_the_deadline_is_reported() {
    let handler = Handler::event_fn("h", |_: Published<Ping>, ctx: Context| async move {
        ctx.spawn(sleep(Duration::from_secs(100)));
        Ok(())
    });
    let app = bare().register(handler).build().expect("wired");
    app.events().publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    let report = app.shutdown(SOON).await;
    assert!(report.to_string().contains("tasks that handlers spawned: 1"), "{report}");
}

#[test]
fn a_runtime_without_timers_will_do_where_no_time_is_asked_for() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let handler = Handler::event_fn("h", |_: Published<Ping>, _| async {
        tokio::task::yield_now().await;
        Ok(())
    });
    let app = bare().register(handler.options(ONCE)).build().expect("wired");
    runtime.block_on(async {
        app.events().publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
        app.idle().await;
    });
}

// ---- Inside and outside a handler -------------------------------------------------------------

/// A handler that publishes for another tenant, within that tenant's scope.
fn switches_tenant(events: &Slot<EventBus>, waits_for_shutdown: bool, capacity: usize) -> TestApp {
    let slot = Arc::clone(events);
    let handler = Handler::event_fn("h", move |event: Published<Ping>, ctx: Context| {
        let events = read(&slot);
        async move {
            if event.n == 0 {
                if waits_for_shutdown {
                    ctx.shutting_down().await;
                }
                let other = Context::for_tenant("other")?;
                other.scope(async { events.publish(&other, Ping { id: 9, n: 1 }).await }).await?;
            }
            Ok(())
        }
    });
    let options = HandlerOptions::DEFAULT.retry(RetryPolicy::none());
    let app =
        TestApp::from_builder(bare().queue_capacity(capacity)).register(handler.options(options));
    let app = app.build().expect("wired");
    fill(events, app.events().clone());
    app
}

#[tokio::test(start_paused = true)]
async fn a_scope_of_another_tenant_inside_a_handler_is_still_inside_it() {
    let slot = Slot::default();
    let app = switches_tenant(&slot, false, 1);
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    app.settled().await;
    assert!(app.dead_letters().is_empty(), "it did not wait for itself: {}", app.timeline());

    let slot = Slot::default();
    let app = switches_tenant(&slot, true, 9);
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    sleep(Duration::from_millis(1)).await;
    assert!(app.shutdown(Duration::from_mins(1)).await.is_clean());
    assert!(app.dead_letters().is_empty(), "its cascade was accepted: {}", app.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_task_spawned_with_a_fresh_context_inside_a_handler_counts_as_its_work() {
    let done = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&done);
    let handler = Handler::event_fn("h", move |_: Published<Ping>, _| {
        let flag = Arc::clone(&flag);
        async move {
            Context::for_tenant("other")?.spawn(async move {
                sleep(Duration::from_secs(1)).await;
                flag.store(true, SeqCst);
            });
            Ok(())
        }
    });
    let app = test_bare().register(handler).build().expect("wired");
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    app.settled().await;
    assert!(done.load(SeqCst));
}

#[derive(Command)]
#[command(output = String)]
struct WhichTenant;

#[tokio::test(start_paused = true)]
async fn the_current_context_is_right_also_before_a_handlers_first_await() {
    let current = || Context::current().map_or("none".to_owned(), |ctx| ctx.tenant().to_string());
    let handler = Handler::command_fn("which", move |_: WhichTenant, _| {
        let tenant = current();
        async move { Ok(tenant) }
    });
    let app = test_bare().register(handler).build().expect("wired");
    let globex = Context::for_tenant("globex").expect("valid");
    let tenant = acme().scope(async { app.execute(&globex, WhichTenant).await }).await;
    assert_eq!(tenant.expect("it cannot fail"), "globex");
}

#[tokio::test(start_paused = true)]
async fn a_context_that_is_kept_after_its_handler_is_like_any_other() {
    let kept: Slot<Context> = Slot::default();
    let slot = Arc::clone(&kept);
    let handler = Handler::event_fn("h", move |event: Published<Ping>, ctx: Context| {
        if event.n == 0 {
            fill(&slot, ctx);
        }
        let is_first = event.n == 0;
        async move { if is_first { Ok(()) } else { std::future::pending().await } }
    });
    let app = TestApp::from_builder(bare().queue_capacity(1)).register(handler.options(ONCE));
    let app = app.build().expect("wired");
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    app.settled().await;
    let ctx = read(&kept);
    app.publish(&ctx, Ping { id: 2, n: 1 }).await.expect("there is room for one");
    let second = timeout(Duration::from_secs(1), app.publish(&ctx, Ping { id: 3, n: 1 })).await;
    assert!(second.is_err(), "it waits for room, as everybody does");
}

#[tokio::test(start_paused = true)]
async fn applications_that_publish_to_each_other_do_not_wait_for_each_other() {
    fn plays(other: &Slot<EventBus>) -> TestApp {
        let other = Arc::clone(other);
        let handler = Handler::event_fn("h", move |event: Published<Ping>, ctx: Context| {
            let events = read(&other);
            async move {
                if event.n > 0 {
                    for k in 0..2 {
                        events.publish(&ctx, Ping { id: event.id * 2 + k, n: event.n - 1 }).await?;
                    }
                }
                Ok(())
            }
        });
        let options = HandlerOptions::DEFAULT.retry(RetryPolicy::none());
        let app =
            TestApp::from_builder(bare().queue_capacity(2)).register(handler.options(options));
        app.build().expect("wired")
    }
    let (to_a, to_b) = (Slot::default(), Slot::default());
    let (a, b) = (plays(&to_b), plays(&to_a));
    fill(&to_a, a.events().clone());
    fill(&to_b, b.events().clone());
    a.publish(&acme(), Ping { id: 1, n: 8 }).await.expect("accepted");
    for _ in 0..20 {
        a.settled().await;
        b.settled().await;
    }
    assert!(a.dead_letters().is_empty() && b.dead_letters().is_empty());
    let handled = a.deliveries_to_named("h").len() + b.deliveries_to_named("h").len();
    assert_eq!(handled, (1 << 9) - 1);
}

// ---- What users write that panics -------------------------------------------------------------

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
    assert_eq!(app.dead_letters().len(), 1);
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

// ---- The rest ---------------------------------------------------------------------------------

struct HandlesAll;

impl EventHandler<Ping> for HandlesAll {
    async fn handle(&self, _: &Ping, _: &Context) -> HandlerResult {
        Ok(())
    }
}

impl EventHandler<AnyEvent> for HandlesAll {
    async fn handle(&self, _: &AnyEvent, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[test]
fn a_handler_that_would_get_an_event_twice_is_reported() {
    let twice = [
        Handler::events("h", HandlesAll).on::<Ping>().on::<Ping>(),
        Handler::events("h", HandlesAll).on::<Ping>().on_any(),
    ];
    for handler in twice {
        let error = bare().register(handler).build().expect_err("once is enough");
        assert!(
            matches!(error.problems(), [it] if it.kind() == ProblemKind::SameEventTwice),
            "{error}"
        );
    }
    assert!(bare().modules(Modules::default()).build().is_ok());
}

#[tokio::test(start_paused = true)]
async fn delivering_twice_hides_no_dead_letter() {
    let calls = AtomicUsize::new(0);
    let handler = Handler::event_fn("h", move |_: Published<Ping>, _| {
        let first = calls.fetch_add(1, SeqCst) == 0;
        async move { if first { Err(HandlerError::msg("no").permanent()) } else { Ok(()) } }
    });
    let app = test_bare().deliver_twice().register(handler).build().expect("wired");
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(app.dead_letters().len(), 1, "{}", app.timeline());
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

#[test]
fn an_actor_read_from_outside_is_one_step_deep_and_breaks_no_log_line() {
    let mut actor = r#"{"kind":"user","id":"a\nb"}"#.to_owned();
    for _ in 0..50 {
        actor = format!(r#"{{"kind":"user","id":"x","on_behalf_of":{actor}}}"#);
    }
    let actor: Actor = serde_json::from_str(&actor).expect("an actor");
    assert!(actor.to_string().len() < 100, "{actor}");
    assert!(!Actor::user("a\nb").named("c\nd").to_string().contains('\n'));
}
