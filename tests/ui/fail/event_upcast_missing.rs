use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(version = 3)]
struct TimeLogged;

#[derive(Serialize, Deserialize, Event)]
#[event(version = 3, upcast(2 = std::convert::identity))]
struct TaskCreated;

#[derive(Serialize, Deserialize, Event)]
#[event(version = 2, upcast(1 = std::convert::identity, 2 = std::convert::identity))]
struct TeamCreated;

fn main() {}
