use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated {
    #[event(entity_name, redact)]
    full_name: String,
}

fn main() {}
