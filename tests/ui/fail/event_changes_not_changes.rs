use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeUpdated {
    #[event(changes)]
    changes: Vec<String>,
}

fn main() {}
