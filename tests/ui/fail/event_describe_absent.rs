use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "reports to {manager}")]
struct EmployeeMoved {
    manager: Option<String>,
}

fn main() {}
