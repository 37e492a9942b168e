use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
enum EmployeeCreated {
    #[serde(serialize_with = "hired")]
    Hired {
        #[event(redact)]
        email: String,
    },
}

fn hired<S: serde::Serializer>(email: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(email)
}

#[events_handler(EmployeeCreated)]
struct SendWelcomeEmail;

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
