use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event()]
struct EmployeeCreated;

#[events_handler(EmployeeCreated)]
struct SendWelcomeEmail;

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
