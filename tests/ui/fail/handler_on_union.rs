use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[events_handler(EmployeeCreated)]
union SendWelcomeEmail {
    sent: u64,
}

fn main() {}
