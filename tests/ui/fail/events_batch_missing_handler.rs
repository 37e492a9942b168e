use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[events_handler(EmployeeCreated, batch(max = 500))]
struct IndexEmployees;

fn main() {}
