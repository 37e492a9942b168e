use cqrs_core::prelude::*;

#[derive(Injectable)]
union Clock {
    seconds: u64,
}

fn main() {}
