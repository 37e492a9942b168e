//! What once broke a guarantee, or might: hostile handlers, races at the stop.

mod failures;
mod scopes;
mod stops;
mod twice;

use cqrs_core::AppBuilder;
use cqrs_core::prelude::*;
use cqrs_core::testing::{TestApp, TestAppBuilder};

#[derive(Serialize, Deserialize, Event)]
struct Ping {
    #[event(entity_id)]
    id: u64,
    n: u64,
}

fn bare() -> AppBuilder {
    App::builder().bare()
}

fn test_bare() -> TestAppBuilder {
    TestApp::from_builder(bare())
}

const SOON: Duration = Duration::from_secs(5);
