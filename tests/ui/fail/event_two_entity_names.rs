use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated {
    #[event(entity_name)]
    first_name: String,
    #[event(entity_name)]
    last_name: String,
}

fn main() {}
