use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "created {entity} {entity_id}")]
struct EmployeeCreated {
    employee_id: u64,
}

fn main() {}
