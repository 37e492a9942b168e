use cqrs_core::prelude::*;

#[derive(Injectable)]
struct SystemClock {
    #[inject(name = "")]
    zone: String,
}

fn main() {}
