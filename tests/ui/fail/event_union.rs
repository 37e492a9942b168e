use cqrs_core::prelude::*;

#[derive(Clone, Copy, Event)]
union Changed {
    before: u32,
    after: f32,
}

fn main() {}
