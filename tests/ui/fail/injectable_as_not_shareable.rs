use cqrs_core::prelude::*;

#[derive(Injectable)]
#[injectable(as = dyn Clock)]
struct SystemClock;

trait Clock {}

impl Clock for SystemClock {}

fn main() {}
