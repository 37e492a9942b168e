use cqrs_core::prelude::*;

#[events_handler(*, batch(max = 500))]
struct Record;

fn main() {}
