use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated {
    #[event(redact = hahs)]
    email: String,
    #[event(redact = "drop")]
    phone: String,
}

fn main() {}
