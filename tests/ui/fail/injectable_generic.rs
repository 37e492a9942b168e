use cqrs_core::prelude::*;

#[derive(Injectable)]
struct Repository<T> {
    rows: Vec<T>,
}

fn main() {}
