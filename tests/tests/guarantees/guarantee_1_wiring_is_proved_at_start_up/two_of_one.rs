//! Two services that offer one type.

use cqrs_core::app::ProblemKind;
use cqrs_core::modules;
use cqrs_core::prelude::*;

use super::{assert_only, assert_says, problems_of};

trait Port: Send + Sync {}

#[derive(Injectable)]
#[injectable(as = dyn Port)]
struct One;
impl Port for One {}

#[derive(Injectable)]
#[injectable(as = dyn Port)]
struct Two;
impl Port for Two {}

#[derive(Injectable)]
struct User {
    _port: Arc<dyn Port>,
}

#[test]
fn a_type_that_two_services_offer_is_ambiguous_until_one_is_provided() {
    let error = problems_of(modules![self]);
    assert_only(&error, ProblemKind::AmbiguousService);
    assert_says(
        &error,
        &["`Arc<dyn Port>` is offered more than once", "service `One`", "service `Two`"],
    );

    let chosen = App::builder().only(modules![self]).provide::<Arc<dyn Port>>(Arc::new(One));
    chosen.build().expect("one is chosen");
}
