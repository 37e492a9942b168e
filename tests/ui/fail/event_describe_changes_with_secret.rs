use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "changed {changes}")]
struct EmployeeUpdated {
    #[event(redact)]
    email: String,
    #[event(changes)]
    changes: Changes,
}

fn main() {}
