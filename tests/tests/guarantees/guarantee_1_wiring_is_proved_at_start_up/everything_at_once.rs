//! One report for everything.

use cqrs_core::app::{Problem, ProblemKind};
use cqrs_core::modules;
use cqrs_core::prelude::*;

use super::{assert_says, problems_of};

trait Mailer: Send + Sync {}

#[derive(Serialize, Deserialize, Event)]
#[event(name = "wiring.happened")]
struct Happened;

#[derive(Serialize, Deserialize, Event)]
#[event(name = "wiring.happened")]
struct HappenedToo;

#[events_handler(Happened)]
struct SendMail {
    _mailer: Arc<dyn Mailer>,
    #[inject(name = "replica")]
    _limit: u32,
}

impl EventHandler<Happened> for SendMail {
    async fn handle(&self, _: &Happened, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[derive(Injectable)]
struct Hen {
    _egg: Arc<Egg>,
}

#[derive(Injectable)]
struct Egg {
    _hen: Arc<Hen>,
}

#[derive(Command)]
struct Orphaned;

#[derive(Command)]
struct Contested;

#[command_handler(Contested)]
struct First;

impl CommandHandler<Contested> for First {
    async fn execute(&self, _: Contested, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[command_handler(Contested)]
struct Second;

impl CommandHandler<Contested> for Second {
    async fn execute(&self, _: Contested, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[derive(Query)]
#[query(output = u32)]
struct CountThings;

#[query_handler(CountThings)]
struct CountThingsHandler {
    _events: EventBus,
}

impl QueryHandler<CountThings> for CountThingsHandler {
    async fn execute(&self, _: CountThings, _: &Context) -> Result<u32, HandlerError> {
        Ok(0)
    }
}

mod empty {}

#[test]
fn one_report_lists_everything_with_what_where_and_what_to_do() {
    let error = App::builder()
        .only(modules![self])
        .modules(modules![empty])
        .build()
        .expect_err("nearly everything here is wrong");

    let kinds: Vec<_> = error.problems().iter().map(Problem::kind).collect();
    let count = |kind| kinds.iter().filter(|it| **it == kind).count();
    assert_eq!(count(ProblemKind::SharedMessageName), 1);
    assert_eq!(count(ProblemKind::Cycle), 1);
    assert_eq!(count(ProblemKind::NoHandler), 1);
    assert_eq!(count(ProblemKind::ManyHandlers), 1);
    assert_eq!(count(ProblemKind::QueryReachesBus), 1);
    assert_eq!(count(ProblemKind::EmptyModule), 1);
    assert_eq!(count(ProblemKind::MissingService), 2);
    assert_eq!(kinds.len(), 8, "nothing is reported twice:\n{error}");

    let file = file!();
    assert_says(
        &error,
        &[
            "wired wrongly in 8 places",
            "nothing offers `Arc<dyn Mailer>`, which `_mailer` of handler `SendMail`",
            ".provide::<Arc<dyn Mailer>>(..)",
            "nothing offers `u32` named \"replica\"",
            &format!("{file}:"),
            "command `Orphaned`",
            "#[command_handler(Orphaned)]",
            "command `Contested` has more than one handler",
            "handler `CountThingsHandler`",
            "reaches a bus, but a query changes nothing: `_events: EventBus`",
            "several messages are named \"wiring.happened\"",
            "service `Egg`",
            "let one of them react to an event of the other",
            "the module `empty`",
        ],
    );
}

#[test]
fn the_report_does_not_depend_on_the_order_of_the_linker() {
    let report = || App::builder().only(modules![self]).build().expect_err("wrong").to_string();
    assert_eq!(report(), report());
    let text = report();
    let first = text.find("`First`").expect("both handlers are listed");
    let second = text.find("`Second`").expect("both handlers are listed");
    assert!(first < second, "sorted by name:\n{text}");
}

#[test]
fn an_unwrap_shows_the_report() {
    let error = problems_of(modules![self]);
    assert_eq!(format!("{error:?}"), error.to_string());
}
