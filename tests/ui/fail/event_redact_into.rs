use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[serde(into = "Wire", from = "Wire")]
#[derive(Clone)]
struct EmployeeCreated {
    #[event(redact)]
    email: String,
}

#[derive(Serialize, Deserialize)]
struct Wire(String);

impl From<Wire> for EmployeeCreated {
    fn from(Wire(email): Wire) -> Self {
        Self { email }
    }
}

impl From<EmployeeCreated> for Wire {
    fn from(event: EmployeeCreated) -> Self {
        Self(event.email)
    }
}

#[events_handler(EmployeeCreated)]
struct SendWelcomeEmail;

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
