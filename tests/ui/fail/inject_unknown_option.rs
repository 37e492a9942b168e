use cqrs_core::prelude::*;

#[derive(Injectable)]
struct SystemClock {
    #[inject(defualt)]
    ticks: u64,
}

fn main() {}
