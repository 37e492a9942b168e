use cqrs_core::prelude::*;

#[derive(Injectable)]
#[injectable(name = "clock")]
struct SystemClock;

fn main() {}
