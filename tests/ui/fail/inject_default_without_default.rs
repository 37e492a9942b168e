use cqrs_core::prelude::*;

#[derive(Injectable)]
struct SystemClock {
    #[inject(default)]
    ticks: Counter,
}

struct Counter(u64);

fn main() {}
