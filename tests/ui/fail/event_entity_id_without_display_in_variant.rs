use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
enum EmployeeMoved {
    Within(#[event(entity_id)] EmployeeId),
    Between {
        #[event(entity_id)]
        id: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct EmployeeId(u64);

fn main() {}
