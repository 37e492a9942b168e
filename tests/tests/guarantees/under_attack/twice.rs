//! Handlers that would get an event twice.

use cqrs_core::Handler;
use cqrs_core::app::{Modules, ProblemKind};
use cqrs_core::prelude::*;

use super::{Ping, bare};

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
