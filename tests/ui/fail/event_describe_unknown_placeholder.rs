use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "created {fulname}")]
struct EmployeeCreated {
    full_name: String,
}

fn main() {}
