use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[events_handler(EmployeeCreated)]
trait SendWelcomeEmail {}

fn main() {}
