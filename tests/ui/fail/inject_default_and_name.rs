use cqrs_core::prelude::*;

#[derive(Injectable)]
struct SystemClock {
    #[inject(default, name = "zone")]
    zone: String,
}

fn main() {}
