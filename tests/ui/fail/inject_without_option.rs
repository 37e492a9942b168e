use cqrs_core::prelude::*;

#[derive(Injectable)]
struct SystemClock {
    #[inject]
    zone: Arc<str>,
}

fn main() {}
