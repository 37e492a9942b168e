use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[events_handler(EmployeeCreated)]
struct SendWelcomeEmail<'a> {
    sender: &'a str,
}

fn main() {}
