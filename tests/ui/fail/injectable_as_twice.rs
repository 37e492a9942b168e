use cqrs_core::prelude::*;

#[derive(Injectable)]
#[injectable(as = dyn Clock, as = dyn Clock)]
struct SystemClock;

trait Clock: Send + Sync {}

impl Clock for SystemClock {}

fn main() {}
