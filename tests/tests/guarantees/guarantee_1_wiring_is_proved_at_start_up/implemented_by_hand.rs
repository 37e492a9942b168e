//! Messages that are implemented by hand.

use cqrs_core::app::ProblemKind;
use cqrs_core::prelude::*;
use cqrs_core::{Handler, modules};

use super::{assert_only, assert_says};

#[derive(Serialize, Deserialize, Event)]
#[event(name = "by-hand.happened")]
struct Derived;

macro_rules! by_hand {
    ($($event:ident)*) => {$(
        #[derive(Serialize, Deserialize)]
        struct $event;

        impl Event for $event {
            const NAME: &'static str = "by-hand.happened";
        }
    )*};
}
by_hand!(ByHand AlsoByHand);

fn bare() -> cqrs_core::AppBuilder {
    App::builder().bare()
}

fn handler<E: Event>(name: &'static str) -> cqrs_core::registry::HandlerRegistration {
    Handler::event_fn(name, |_: Published<E>, _| async { Ok(()) })
}

#[test]
fn a_name_that_a_derived_event_has_as_well_is_reported() {
    let app = App::builder().only(modules![self]).register(handler::<ByHand>("by-hand"));
    let error = app.build().expect_err("the name is taken");
    assert_only(&error, ProblemKind::SharedMessageName);
    assert_says(
        &error,
        &[
            "event `Derived` (",
            "::implemented_by_hand::ByHand` (implemented by hand)",
            "fix: name them apart: another `NAME` in `impl Event for ByHand`, or \
             `#[event(name = \"..\")]` on `Derived`",
        ],
    );
}

#[test]
fn a_name_that_two_events_have_by_hand_is_reported() {
    let error = bare()
        .register(handler::<ByHand>("one"))
        .register(handler::<AlsoByHand>("two"))
        .build()
        .expect_err("one name for two");
    assert_only(&error, ProblemKind::SharedMessageName);
    assert_says(
        &error,
        &["`NAME` in `impl Event for AlsoByHand`, or another `NAME` in `impl Event for ByHand`"],
    );
}

#[test]
fn one_event_by_hand_with_two_handlers_is_well() {
    let app = bare();
    let app = app.register(handler::<ByHand>("one")).register(handler::<ByHand>("two"));
    app.build().expect("wired");
}

#[test]
fn a_closure_is_called_by_its_handlers_name() {
    let app = bare();
    let twice = app.register(handler::<ByHand>("one")).register(handler::<ByHand>("one"));
    assert_says(&twice.build().expect_err("one name for two"), &["- handler `one` ("]);
}
