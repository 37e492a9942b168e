use cqrs_core::prelude::*;

#[derive(Injectable)]
struct SystemClock {
    ticks: Counter,
}

struct Counter(u64);

fn main() {}
