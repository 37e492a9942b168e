use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeUpdated(#[event(redact)] String, #[event(changes)] Changes);

fn main() {}
