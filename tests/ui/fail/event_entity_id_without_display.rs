use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated {
    #[event(entity_id)]
    id: EmployeeId,
}

#[derive(Serialize, Deserialize)]
struct EmployeeId(u64);

fn main() {}
