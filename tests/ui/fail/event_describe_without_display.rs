use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "moved to {room}")]
struct EmployeeMoved {
    room: Room,
}

#[derive(Serialize, Deserialize)]
struct Room(u64);

fn main() {}
