use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct GrößeGeändert;

fn main() {}
