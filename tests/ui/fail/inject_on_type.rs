use cqrs_core::prelude::*;

#[derive(Injectable)]
#[inject(default)]
struct SystemClock;

fn main() {}
