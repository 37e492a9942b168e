use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

struct SendWelcomeEmail;

#[events_handler(EmployeeCreated)]
impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
