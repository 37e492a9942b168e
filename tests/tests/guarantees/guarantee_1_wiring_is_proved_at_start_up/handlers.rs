//! Names of handlers, and handlers of nothing.

use cqrs_core::app::ProblemKind;
use cqrs_core::prelude::*;
use cqrs_core::{Handler, modules};

use super::{assert_only, assert_says, problems_of};

#[derive(Serialize, Deserialize, Event)]
struct NameGiven;

#[events_handler(NameGiven, name = "twin")]
struct Castor;

impl EventHandler<NameGiven> for Castor {
    async fn handle(&self, _: &NameGiven, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[events_handler(NameGiven, name = "twin")]
struct Pollux;

impl EventHandler<NameGiven> for Pollux {
    async fn handle(&self, _: &NameGiven, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[test]
fn handlers_with_one_name_are_reported() {
    let error = problems_of(modules![self]);
    assert_only(&error, ProblemKind::SharedHandlerName);
    assert_says(&error, &["named \"twin\"", "`Castor`", "`Pollux`", "name = \"..\""]);
}

#[test]
fn a_handler_registered_for_no_event_is_reported() {
    struct Idle;
    let error = App::builder()
        .bare()
        .register(Handler::events("idle", Idle))
        .build()
        .expect_err("it handles nothing");
    assert_only(&error, ProblemKind::HandlesNothing);
    assert_says(&error, &["handler `Idle`", file!(), "`.on::<SomeEvent>()`"]);
}
