//! Options that come from the application and from configuration.

use cqrs_core::describe::{Description, Format};
use cqrs_core::handler::{BreakerPolicy, HandlerSettings, RateLimit};
use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{HandlerOptions, RetryPolicy};

#[derive(Serialize, Deserialize, Event)]
struct StampSold {
    #[event(entity_id)]
    stamp: u32,
}

#[events_handler(StampSold, timeout = "7s", concurrency = 2)]
struct CountStamps;

impl EventHandler<StampSold> for CountStamps {
    async fn handle(&self, _: &StampSold, _: &Context) -> HandlerResult {
        Err(HandlerError::msg("too many"))
    }
}

#[events_handler]
async fn sort_stamps(_: &StampSold) -> HandlerResult {
    Ok(())
}

#[events_handler(rate = none, breaker = none)]
async fn find_stamps(_: &StampSold) -> HandlerResult {
    Ok(())
}

#[derive(Command)]
struct PrintStamp;

#[command_handler(PrintStamp)]
struct StampPrinter;

impl CommandHandler<PrintStamp> for StampPrinter {
    async fn execute(&self, _: PrintStamp, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// How the handler with this name runs.
fn options(description: &Description, name: &str) -> String {
    let page = description.render(Format::Markdown);
    let (_, handlers) = page.split_once("## Handlers").expect("it is there");
    let (_, handler) = handlers.split_once(&format!("- `{name}`")).expect("it is there");
    let line = handler.lines().find_map(|line| line.trim().strip_prefix("- options: "));
    line.expect("it is there").to_owned()
}

fn app() -> cqrs_core::AppBuilder {
    App::builder().only(modules![self])
}

fn settings(json: &str) -> HandlerSettings {
    serde_json::from_str(json).expect("valid settings")
}

#[test]
fn configuration_comes_before_the_annotation_and_the_annotation_before_the_defaults() {
    let minute = Duration::from_mins(1);
    let defaults = HandlerOptions::DEFAULT
        .retry(RetryPolicy::waits(&[minute]))
        .timeout(Some(minute))
        .concurrency(5)
        .deliver_within(minute);
    let described = |app: cqrs_core::AppBuilder| app.build().expect("wired").describe();

    let annotated = described(app());
    let expected = "5 attempts, back-off 100ms to 30s, time-out 7s, concurrency 2";
    assert_eq!(options(&annotated, "count-stamps"), expected);

    let with_defaults = described(app().defaults(defaults));
    let expected = "2 attempts, waits 1m, time-out 7s, deliver within 1m, concurrency 2";
    assert_eq!(options(&with_defaults, "count-stamps"), expected);
    assert_eq!(options(&with_defaults, "stamp-printer"), "time-out 1m");

    let first = settings(
        r#"{"count-stamps": {"concurrency": 3, "retry": {"attempts": 4}, "rate": "9/s"},
            "stamp-printer": {"timeout": "none"}}"#,
    );
    let second =
        [("S__COUNT_STAMPS__CONCURRENCY", "4"), ("S__COUNT_STAMPS__DEAD_LETTERS", "discard")];
    let second = second.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let second = HandlerSettings::from_variables("S", second).expect("valid settings");
    let all = described(app().defaults(defaults).settings(first).settings(second));
    let expected = "4 attempts, waits 1m, time-out 7s, deliver within 1m, dead letters `discard`, \
                    concurrency 4, rate `9/s`";
    assert_eq!(options(&all, "count-stamps"), expected);
    assert_eq!(options(&all, "stamp-printer"), "no time-out");

    let limits = HandlerOptions::DEFAULT.rate(RateLimit::per_second(1));
    let limits = limits.breaker(BreakerPolicy::DEFAULT);
    let with_limits = described(app().defaults(limits));
    let expected = "5 attempts, back-off 100ms to 30s, time-out 30s, concurrency 8, rate `1/s`, breaker after 5 failures for 30s";
    assert_eq!(options(&with_limits, "sort-stamps"), expected);
    assert!(!options(&with_limits, "find-stamps").contains("rate"));
    assert!(!options(&with_limits, "find-stamps").contains("breaker"));
    let none = settings(r#"{"sort-stamps": {"rate": "none", "breaker": "none"}}"#);
    let without = described(app().defaults(limits).settings(none));
    let expected = "5 attempts, back-off 100ms to 30s, time-out 30s, concurrency 8";
    assert_eq!(options(&without, "sort-stamps"), expected);

    let json = all.render(Format::Json);
    assert_eq!(serde_json::from_str::<Description>(&json).expect("it is JSON"), all);
}

#[tokio::test(start_paused = true)]
async fn tests_use_settings_as_applications_do() {
    let settings = settings(r#"{"count-stamps": {"retry": {"waits": ["1s", "2s"]}}}"#);
    let app = TestApp::builder().only::<CountStamps>().configure(|app| app.settings(settings));
    let app = app.build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");
    app.publish(&ctx, StampSold { stamp: 1 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(app.deliveries_to::<CountStamps>()[0].attempts.len(), 3);
}

#[test]
fn settings_for_handlers_that_are_not_there_are_wired_wrongly() {
    let json = settings(r#"{"count-stamp": {}, "zoo": {}, "stamp-printer": {"concurrency": 1}}"#);
    let variable = ("S__COUNT_STMAPS__TIMEOUT".to_owned(), "1s".to_owned());
    let variables = HandlerSettings::from_variables("S", [variable]).expect("valid settings");
    let error = app().settings(json).settings(variables).build().expect_err("wired wrongly");
    let texts: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts[1..],
        [
            "the settings are for \"count-stamp\", but there is no handler named \"count-stamp\"\n\
             fix: did you mean \"count-stamps\"?",
            "the settings are for \"zoo\", but there is no handler named \"zoo\"\n\
             fix: write the handler's stable name, which `App::describe` shows",
            "the environment has `S__COUNT_STMAPS__TIMEOUT`, but there is no handler named \"COUNT_STMAPS\"\n\
             fix: did you mean \"COUNT_STAMPS\"?",
        ]
    );
    assert!(
        texts[0].starts_with("the settings of handler `StampPrinter` (")
            && texts[0].ends_with(
                ") have an option that the handler of a command does not have\n\
                 fix: keep `timeout` alone, or `retry` if the annotation says after which errors"
            ),
        "{}",
        texts[0]
    );
    // Settings of a handler that a test leaves out are allowed.
    let settings = settings(r#"{"count-stamps": {"timeout": "1s"}}"#);
    TestApp::builder()
        .configure(|app| app.bare().settings(settings))
        .build()
        .expect("the handler is linked");
}
