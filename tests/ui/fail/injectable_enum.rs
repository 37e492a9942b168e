use cqrs_core::prelude::*;

#[derive(Injectable)]
enum Clock {
    System,
}

fn main() {}
