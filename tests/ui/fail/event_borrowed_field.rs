use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated {
    full_name: &'static str,
}

fn main() {}
