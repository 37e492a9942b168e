use cqrs_core::prelude::*;

#[events_handler(EmployeeCreated)]
struct SendWelcomeEmail;

fn main() {}
