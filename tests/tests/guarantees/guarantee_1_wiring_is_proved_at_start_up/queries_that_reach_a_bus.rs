//! Query handlers that get a bus.

use cqrs_core::app::ProblemKind;
use cqrs_core::modules;
use cqrs_core::prelude::*;

use super::{assert_only, assert_says, problems_of};

trait Shelves: Send + Sync {}

#[derive(Injectable)]
#[injectable(as = dyn Shelves)]
struct ShelvesInMemory {
    _journal: Arc<Journal>,
}

impl Shelves for ShelvesInMemory {}

#[derive(Injectable)]
struct Journal {
    _queries: QueryBus,
    _events: EventBus,
}

#[derive(Query)]
#[query(output = usize)]
struct CountShelves;

#[query_handler(CountShelves)]
struct CountShelvesHandler {
    _shelves: Arc<dyn Shelves>,
}

impl QueryHandler<CountShelves> for CountShelvesHandler {
    async fn execute(&self, _: CountShelves, _: &Context) -> Result<usize, HandlerError> {
        Ok(0)
    }
}

#[test]
fn a_bus_behind_services_is_found_and_the_way_to_it_is_named() {
    let error = problems_of(modules![self]);
    assert_only(&error, ProblemKind::QueryReachesBus);
    assert_says(
        &error,
        &[
            "the query handler `CountShelvesHandler` (",
            "`_shelves: Arc<dyn Shelves>` -> service `ShelvesInMemory` (",
            ") -> `_journal: Arc<Journal>` -> service `Journal` (",
            ") -> `_events: EventBus`",
            "fix: make it a command",
        ],
    );
}

#[test]
fn what_is_in_a_provided_value_is_its_own_affair() {
    struct Fake;
    impl Shelves for Fake {}
    let app = App::builder().only(modules![self]).provide::<Arc<dyn Shelves>>(Arc::new(Fake));
    app.build().expect("the types show no bus");
}
