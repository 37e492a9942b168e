//! An application whose events have no handler, for the tests of `check --deny unhandled`.

use std::process::ExitCode;

use cqrs_core::cli::WiringCommand;
use cqrs_core::modules;
use cqrs_core::prelude::*;

/// No handler names it.
#[derive(Serialize, Deserialize, Event)]
#[event(name = "shelf.dusted")]
pub struct ShelfDusted;

/// Only a handler that is left out names it.
#[derive(Serialize, Deserialize, Event)]
#[event(name = "book.lent")]
pub struct BookLent;

mod reminders {
    use super::{BookLent, Context, EventHandler, HandlerResult, events_handler};

    #[events_handler(BookLent)]
    struct RemindReader;

    impl EventHandler<BookLent> for RemindReader {
        async fn handle(&self, _: &BookLent, _: &Context) -> HandlerResult {
            Ok(())
        }
    }
}

/// A handler of every event does not count.
#[events_handler(*)]
struct Trace;

impl EventHandler<AnyEvent> for Trace {
    async fn handle(&self, _: &AnyEvent, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() -> ExitCode {
    let command = WiringCommand::from_args().expect("a test calls it");
    command.run(App::builder().without(modules![reminders]))
}
