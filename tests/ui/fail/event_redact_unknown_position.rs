use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated(
    #[serde(skip_serializing_if = "Option::is_none")] Option<String>,
    #[event(redact)] String,
);

#[events_handler(EmployeeCreated)]
struct SendWelcomeEmail;

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
