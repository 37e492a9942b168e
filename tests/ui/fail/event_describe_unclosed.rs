use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "created {full_name")]
struct EmployeeCreated {
    full_name: String,
}

fn main() {}
