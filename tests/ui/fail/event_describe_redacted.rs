use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "created {full_name} <{email}>")]
struct EmployeeCreated {
    full_name: String,
    #[event(redact)]
    email: String,
}

fn main() {}
