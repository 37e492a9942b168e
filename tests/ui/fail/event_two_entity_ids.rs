use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated {
    #[event(entity_id)]
    id: u64,
    #[event(entity_id)]
    number: u64,
}

#[events_handler(EmployeeCreated)]
struct SendWelcomeEmail;

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
