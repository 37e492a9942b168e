use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[events_handler(EmployeeCreated, batch(across_tenants))]
struct IndexEmployees;

impl BatchEventHandler<EmployeeCreated> for IndexEmployees {
    async fn handle_batch(&self, _: &Batch<EmployeeCreated>, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
