use cqrs_core::prelude::*;
use cqrs_core::app::BoxError;
use cqrs_core::Plugin;

struct Search;

impl Search {
    async fn open() -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Plugin for Search {
    fn name(&self) -> &str {
        "search"
    }
}

fn main() {
    let _ = App::builder().plugin(Search::open());
}
