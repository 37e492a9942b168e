use cqrs_core::prelude::*;

#[derive(Serialize, Event)]
struct EmployeeCreated;

fn main() {}
