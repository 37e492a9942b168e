use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[derive(Command)]
struct CreateEmployee;

#[events_handler(EmployeeCreated)]
#[command_handler(CreateEmployee)]
struct SendWelcomeEmail;

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
