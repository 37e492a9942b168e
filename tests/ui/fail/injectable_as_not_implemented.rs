use cqrs_core::prelude::*;

#[derive(Injectable)]
#[injectable(as = dyn Clock)]
struct SystemClock;

trait Clock: Send + Sync {}

fn main() {}
