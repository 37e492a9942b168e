use cqrs_core::prelude::*;

#[derive(Command)]
union Create {
    employee: u64,
    task: u32,
}

fn main() {}
