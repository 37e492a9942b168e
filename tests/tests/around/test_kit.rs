//! A failing test prints what did happen, and the seed to make it happen again.

use std::process::{Command as Process, Output};

use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;

/// Lets this file's test fail on purpose, in a process of its own.
const FAIL: &str = "CQRS_FAIL_ON_PURPOSE";
const THIS_TEST: &str = "test_kit::a_failing_test_prints_what_happened_and_how_to_repeat_it";

#[derive(Serialize, Deserialize, Event)]
struct PaintMixed {
    #[event(entity_id)]
    bucket: u32,
    #[event(redact)]
    recipe: String,
}

#[events_handler(PaintMixed, retry(attempts = 2, backoff = "10ms"))]
struct Stir;

impl EventHandler<PaintMixed> for Stir {
    async fn handle(&self, event: &PaintMixed, _: &Context) -> HandlerResult {
        match event.bucket {
            13 => Err(HandlerError::msg("it leaks")),
            _ => Ok(()),
        }
    }
}

#[events_handler(PaintMixed)]
struct Label;

impl EventHandler<PaintMixed> for Label {
    async fn handle(&self, _: &PaintMixed, _: &Context) -> HandlerResult {
        Ok(())
    }
}

async fn mix(buckets: impl IntoIterator<Item = u32>) -> TestApp {
    let app = TestApp::from_builder(App::builder().only(modules![self])).shuffle(None);
    let app = app.build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("valid");
    for bucket in buckets {
        let event = PaintMixed { bucket, recipe: "secret".into() };
        app.publish(&ctx, event).await.expect("accepted");
    }
    app.settled().await;
    app
}

fn fail_on_purpose(seed: Option<&str>) -> Output {
    let this_program = std::env::current_exe().expect("this test's program");
    let mut process = Process::new(this_program);
    process
        .args(["--exact", THIS_TEST, "--nocapture"])
        .env(FAIL, "1")
        .env_remove(TestApp::SEED_VARIABLE);
    if let Some(seed) = seed {
        process.env(TestApp::SEED_VARIABLE, seed);
    }
    process.output().expect("it runs")
}

#[tokio::test(start_paused = true)]
async fn a_failing_test_prints_what_happened_and_how_to_repeat_it() {
    if std::env::var_os(FAIL).is_some() {
        let app = mix([1, 2, 3, 13]).await;
        assert_eq!(app.published::<PaintMixed>().len(), 5, "on purpose");
        return;
    }
    let failed = fail_on_purpose(None);
    assert!(!failed.status.success());
    let printed = String::from_utf8_lossy(&failed.stderr).into_owned();
    for part in [
        "publish #1 paint.mixed (acme): {\"bucket\":1,\"recipe\":\"[redacted]\"}",
        "deliver #4 paint.mixed to stir, attempt 1: it leaks; next attempt in",
        "deliver #4 paint.mixed to stir, attempt 2: it leaks; failed for good",
        "deliver #1 paint.mixed to label, attempt 1: ok",
        "shuffled with seed",
    ] {
        assert!(printed.contains(part), "{part:?} is missing in:\n{printed}");
    }
    assert!(!printed.contains("secret"), "{printed}");

    // The same seed, the same order.
    let (_, seed) =
        printed.split_once(&format!("{}=", TestApp::SEED_VARIABLE)).expect("the seed is printed");
    let seed = seed.lines().next().unwrap_or_default().trim();
    let order = |printed: &str| {
        let lines = printed.lines().filter(|line| line.contains("deliver #"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let again = fail_on_purpose(Some(seed));
    assert_eq!(order(&String::from_utf8_lossy(&again.stderr)), order(&printed));

    let nonsense = fail_on_purpose(Some("tuesday"));
    let printed = String::from_utf8_lossy(&nonsense.stderr);
    assert!(printed.contains("`tuesday`, but a seed is a number"), "{printed}");
}

#[tokio::test(start_paused = true)]
async fn the_deliveries_to_a_handler_tell_each_attempt_and_the_outcome() {
    let app = mix([1, 13]).await;
    let stirred = app.deliveries_to::<Stir>();
    let told: Vec<_> = stirred.iter().map(|it| (it.attempts.len(), it.is_handled())).collect();
    assert!(told.contains(&(1, true)) && told.contains(&(2, false)), "{told:?}");
    assert_eq!(app.deliveries_to_named("label").len(), 2);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "does not settle")]
async fn settled_panics_instead_of_waiting_forever() {
    let app = TestApp::from_builder(App::builder().bare())
        .register(
            cqrs_core::Handler::event_fn("stuck", |_: Published<PaintMixed>, _| async {
                std::future::pending().await
            })
            .options(cqrs_core::HandlerOptions::DEFAULT.timeout(None)),
        )
        .build()
        .expect("wired");
    let event = PaintMixed { bucket: 1, recipe: String::new() };
    app.publish(&Context::system(), event).await.expect("accepted");
    app.settled().await;
}

#[derive(Debug, Command)]
#[command(output = u32)]
struct MixPaint {
    bucket: u32,
}

#[command_handler]
async fn mix_paint(
    command: MixPaint,
    ctx: &Context,
    events: &EventBus,
) -> Result<u32, HandlerError> {
    let MixPaint { bucket } = command;
    if bucket == 0 {
        return Err(HandlerError::msg("no bucket"));
    }
    events.publish(ctx, PaintMixed { bucket, recipe: String::new() }).await?;
    Ok(bucket * 2)
}

fn builder() -> cqrs_core::testing::TestAppBuilder {
    TestApp::from_builder(App::builder().only(modules![self]))
}

#[tokio::test(start_paused = true)]
async fn the_outputs_and_errors_of_a_command_are_kept() {
    let app = builder().keep_outputs::<MixPaint>().build().expect("wired");
    let ctx = Context::system();
    let _ = app.execute(&ctx, MixPaint { bucket: 0 }).await;
    app.execute(&ctx, MixPaint { bucket: 2 }).await.expect("it mixes");
    let [Err(error), Ok(4)] = &app.outputs::<MixPaint>()[..] else {
        panic!("{:?}", app.outputs::<MixPaint>());
    };
    assert!(error.contains("no bucket"), "{error}");
}

#[derive(Command)]
#[command(error = NotSealed)]
struct SealBucket {
    bucket: u32,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the bucket {bucket} leaks")]
struct NotSealed {
    bucket: u32,
}

#[command_handler]
async fn seal_bucket(command: SealBucket) -> Result<(), NotSealed> {
    match command.bucket {
        bucket @ 13 => Err(NotSealed { bucket }),
        _ => Ok(()),
    }
}

#[tokio::test(start_paused = true)]
async fn the_errors_of_a_command_are_kept_with_their_type() {
    let app = builder().keep_errors::<SealBucket>().build().expect("wired");
    for bucket in [1, 13, 2] {
        let _ = app.execute(&Context::system(), SealBucket { bucket }).await;
    }
    assert_eq!(app.errors::<SealBucket>(), [NotSealed { bucket: 13 }]);
}

#[derive(Serialize, Deserialize, Event)]
struct PaintPoured {
    #[event(entity_id)]
    bucket: u32,
}

#[events_handler]
async fn dry_paint(event: &PaintPoured, ctx: &Context, events: &EventBus) -> HandlerResult {
    events.publish(ctx, PaintDried { bucket: event.bucket }).await?;
    Ok(())
}

#[derive(Serialize, Deserialize, Event)]
struct PaintDried {
    #[event(entity_id)]
    bucket: u32,
}

#[tokio::test(start_paused = true)]
async fn given_events_are_over_when_the_event_of_the_test_is_published() {
    let app = builder().only::<dry_paint>().build().expect("wired");
    let ctx = Context::system();
    app.given(&ctx, PaintPoured { bucket: 1 }).await.expect("accepted");
    app.given(&ctx, PaintPoured { bucket: 2 }).await.expect("accepted");
    assert!(app.all_published().is_empty());

    let then = app.when(&ctx, PaintPoured { bucket: 3 }).await.expect("accepted");
    let buckets = then.iter().map(|event| event.downcast_ref::<PaintDried>().expect("dry").bucket);
    assert_eq!(buckets.collect::<Vec<_>>(), [3]);
    let then = app.when(&ctx, PaintPoured { bucket: 4 }).await.expect("accepted");
    assert_eq!((then.len(), app.published::<PaintDried>().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "- paint.mixed to stir: it leaks")]
async fn a_given_event_that_a_handler_cannot_handle_fails_the_test() {
    let app = builder().only::<Stir>().build().expect("wired");
    let paint = PaintMixed { bucket: 13, recipe: String::new() };
    let _ = app.given(&Context::system(), paint).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_published_is_listed_in_order_and_can_be_forgotten() {
    let app = mix([3, 1, 2]).await;
    let names: Vec<_> = app.all_published().iter().map(AnyEvent::name).collect();
    assert_eq!(names, ["paint.mixed"; 3]);
    app.forget();
    assert!(app.all_published().is_empty() && app.deliveries_to::<Label>().is_empty());
    assert!(app.timeline().contains("nothing was published"));
}

/// What the drop of an application says, after `look`.
async fn denied(bucket: u32, look: impl AsyncFnOnce(&TestApp)) -> Option<String> {
    let app = builder().build().expect("wired");
    app.execute(&Context::system(), MixPaint { bucket }).await.expect("it mixes");
    app.settled().await;
    look(&app).await;
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(app)));
    Some(*dropped.err()?.downcast::<String>().expect("a text"))
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_the_test_does_not_look_at_fails_it() {
    let text = denied(13, async |_| ()).await.expect("it fails");
    assert!(text.contains("\n- paint.mixed to stir: it leaks"), "{text}");
    let text = denied(13, async |app| drop(app.deliveries_to::<Label>())).await;
    assert!(text.is_some(), "it looked elsewhere");

    assert_eq!(denied(1, async |_| ()).await, None, "nothing failed");
    let app = builder().allow_failures().build().expect("wired");
    app.execute(&Context::system(), MixPaint { bucket: 13 }).await.expect("it mixes");
    app.settled().await;
    drop(app);
    assert_eq!(denied(13, async |app| app.expect_failures()).await, None);
    assert_eq!(denied(13, async |app| drop(app.dead_letters().await)).await, None);
    assert_eq!(denied(13, async |app| drop(app.deliveries_to::<Stir>())).await, None);
}

#[tokio::test]
async fn retries_at_once_wait_no_time_on_a_real_clock() {
    let slow =
        cqrs_core::RetryPolicy::exponential(50, Duration::from_hours(1), Duration::from_hours(1));
    let app = TestApp::from_builder(App::builder().bare()).retries_at_once();
    let fails = |_: Published<PaintMixed>, _| async { Err(HandlerError::msg("it leaks")) };
    let handler = cqrs_core::Handler::event_fn("leaks", fails);
    let handler = handler.options(cqrs_core::HandlerOptions::DEFAULT.retry(slow));
    let app = app.register(handler).build().expect("wired");
    let event = PaintMixed { bucket: 1, recipe: String::new() };
    app.publish(&Context::system(), event).await.expect("accepted");
    tokio::time::timeout(Duration::from_mins(1), app.settled()).await.expect("no hour passes");
    assert_eq!(app.deliveries_to_named("leaks")[0].attempts.len(), 50);
}

#[tokio::test]
async fn a_clock_that_is_moved_ends_the_wait_for_a_retry() {
    let day = Duration::from_hours(24);
    let fails_twice = |_: Published<PaintMixed>, ctx: Context| async move {
        match ctx.attempt() {
            1 => Err(HandlerError::msg("closed on Sunday").retry_after(Duration::from_hours(20))),
            2 => Err(HandlerError::msg("closed for the night")),
            _ => Ok(()),
        }
    };
    let handler = cqrs_core::Handler::event_fn("order-paint", fails_twice);
    let retry = cqrs_core::RetryPolicy::waits(&[Duration::from_hours(1), Duration::from_hours(12)]);
    let handler = handler.options(cqrs_core::HandlerOptions::DEFAULT.retry(retry));
    let app = App::builder().bare().register(handler);
    let app = TestApp::from_builder(app).build().expect("wired");
    let mut failures = app.failures();
    let event = PaintMixed { bucket: 1, recipe: String::new() };
    app.publish(&Context::system(), event).await.expect("accepted");
    for _ in 0..2 {
        let failure = failures.recv().await.expect("the application lives").expect("not slow");
        assert!(failure.retry_in.expect("another attempt") > Duration::from_hours(11));
        app.advance(day).await;
    }
    app.settled().await;
    assert!(app.deliveries_to_named("order-paint")[0].is_handled());
}

#[tokio::test]
async fn an_event_expires_when_the_clock_is_moved_past_its_age() {
    let handler =
        cqrs_core::Handler::event_fn("paint", |_: Published<PaintMixed>, _| async { Ok(()) });
    let options = cqrs_core::HandlerOptions::DEFAULT.deliver_within(Duration::from_hours(1));
    let app = App::builder().bare().register(handler.options(options));
    let app = TestApp::from_builder(app).build().expect("wired");
    let ctx = Context::system();
    let paint = |bucket| PaintMixed { bucket, recipe: String::new() };
    app.advance(Duration::from_hours(5)).await;
    app.handler("paint").expect("registered").pause();
    app.publish(&ctx, paint(1)).await.expect("accepted");
    app.advance(Duration::from_hours(2)).await;
    app.publish(&ctx, paint(2)).await.expect("accepted");
    app.handler("paint").expect("registered").resume();
    app.settled().await;
    let outcomes = app.deliveries_to_named("paint").into_iter().map(|it| it.is_handled());
    assert_eq!(outcomes.collect::<Vec<_>>(), [false, true]);
}

const RETURN_ERROR: &str = "CQRS_RETURN_AN_ERROR";

#[tokio::test(start_paused = true)]
async fn a_test_that_ends_with_an_error_prints_what_happened()
-> Result<(), ExecuteError<HandlerError>> {
    const THIS: &str = "test_kit::a_test_that_ends_with_an_error_prints_what_happened";
    if std::env::var_os(RETURN_ERROR).is_some() {
        let app = builder().shuffle(7).build().expect("wired");
        app.execute(&Context::system(), MixPaint { bucket: 0 }).await?;
        return Ok(());
    }
    let mut process = Process::new(std::env::current_exe().expect("this test's program"));
    process.args(["--exact", THIS, "--nocapture"]).env(RETURN_ERROR, "1");
    let failed = process.env_remove(TestApp::SEED_VARIABLE).output().expect("it runs");
    assert!(!failed.status.success());
    let printed = String::from_utf8_lossy(&failed.stderr);
    for part in ["command #1 mix.paint ((system)): no bucket", "shuffled with seed 7"] {
        assert!(printed.contains(part), "{part:?} is missing in:\n{printed}");
    }
    Ok(())
}
