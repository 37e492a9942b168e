use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct Changed<T> {
    before: T,
    after: T,
}

fn main() {}
