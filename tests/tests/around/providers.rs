//! Providers that go wrong: what the report and the log say.

use cqrs_core::app::ProblemKind;
use cqrs_core::modules;
use cqrs_core::prelude::*;

use crate::lines::Lines;

mod panicking {
    #[derive(Clone)]
    struct Valve;

    #[cqrs_core::provider]
    fn valve() -> Valve {
        panic!("the pressure is too high")
    }
}

mod early {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    struct Opened;

    #[derive(Command)]
    struct Open;

    #[command_handler]
    async fn open(_: Open) -> Result<(), HandlerError> {
        Ok(())
    }

    /// What the buses said while the application was built.
    #[derive(Clone)]
    pub(super) struct Answers(pub(super) Vec<(String, &'static str)>);

    #[provider]
    async fn answers(events: &EventBus, commands: &CommandBus) -> Answers {
        let published = events.publish(&Context::system(), Opened).await.expect_err("too early");
        let executed = commands.execute(&Context::system(), Open).await.expect_err("too early");
        Answers(vec![
            (published.to_string(), published.error_type()),
            (executed.to_string(), executed.error_type()),
        ])
    }
}

mod idle {
    #[derive(Clone)]
    struct Pump;

    #[cqrs_core::provider]
    fn left_pump() -> Pump {
        Pump
    }

    #[cqrs_core::provider]
    fn right_pump() -> Pump {
        Pump
    }
}

mod circular {
    #[derive(Clone)]
    struct Pool;

    #[derive(Clone)]
    struct Settings;

    #[cqrs_core::provider]
    fn pool(_settings: Settings) -> Pool {
        Pool
    }

    #[cqrs_core::provider]
    fn settings(_pool: Pool) -> Settings {
        Settings
    }
}

#[test]
fn a_provider_that_panics_is_named() {
    let error = App::builder().only(modules![self::panicking]).build().expect_err("it panics");
    assert_eq!(error.problems()[0].kind(), ProblemKind::ProviderFailed);
    let (report, file) = (error.to_string(), file!());
    assert!(report.contains(&format!("provider `valve` ({file}:")), "{report}");
    assert!(report.contains(") panicked: the pressure is too high\n"), "{report}");
}

#[tokio::test]
async fn a_bus_that_a_provider_uses_says_that_the_application_is_not_built_yet() {
    let app = App::builder().only(modules![self::early]).build_async().await.expect("wired");
    let early::Answers(answers) = app.service().expect("it is there");
    for (text, error_type) in answers {
        assert!(text.contains("the application is not built yet"), "{text}");
        assert!(text.contains("after `build`, such as in `Plugin::start`"), "{text}");
        assert_eq!(error_type, "not_built");
    }
}

#[test]
fn providers_that_never_run_are_a_warning() {
    let (lines, _guard) = Lines::collect();
    App::builder().only(modules![self::idle]).build().expect("nothing needs a pump");
    let log = lines.text();
    for provider in ["left_pump", "right_pump"] {
        let warning = log.lines().find(|line| line.contains(provider)).expect("it is named");
        assert!(warning.contains("WARN") && warning.contains("never runs"), "{warning}");
    }
}

#[test]
fn providers_in_a_circle_are_told_what_providers_can_do() {
    let error = App::builder().only(modules![self::circular]).build().expect_err("a circle");
    assert_eq!(error.problems()[0].kind(), ProblemKind::Cycle);
    let report = error.to_string();
    assert!(
        report.contains("let one of them take a part of the other, or make it inside"),
        "{report}"
    );
}
