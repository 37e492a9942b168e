use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(activity = "no")]
struct HeartBeaten;

fn main() {}
