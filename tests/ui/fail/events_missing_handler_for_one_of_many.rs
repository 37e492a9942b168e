use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

mod tasks {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    pub struct TaskCreated;
}

#[events_handler(EmployeeCreated, tasks::TaskCreated)]
struct SendWelcomeEmail;

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
