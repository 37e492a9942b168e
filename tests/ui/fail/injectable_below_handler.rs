use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[events_handler(EmployeeCreated)]
#[derive(Debug, Injectable)]
struct SendWelcomeEmail {
    #[inject(default)]
    sent: u64,
}

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
