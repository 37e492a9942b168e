use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[events_handler(EmployeeCreated)]
mod send_welcome_email {}

fn main() {}
