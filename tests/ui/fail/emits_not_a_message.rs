use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

struct TaskCreated;

#[events_handler(emits(EmployeeCreated, TaskCreated))]
async fn plan_first_day(_: &EmployeeCreated) -> HandlerResult {
    Ok(())
}

fn main() {}
