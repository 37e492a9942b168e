use cqrs_core::prelude::*;

#[events_handler(*)]
struct Trace;

fn main() {}
