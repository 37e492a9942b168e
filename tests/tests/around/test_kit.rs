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
        "deliver #4 paint.mixed to stir, attempt 2: it leaks; dead letter",
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
