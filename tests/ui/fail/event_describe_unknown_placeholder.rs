use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "created {entity} {fulname}")]
struct EmployeeCreated {
    full_name: String,
}

fn main() {}
