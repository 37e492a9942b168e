use std::pin::Pin;

use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[events_handler(EmployeeCreated)]
struct SendWelcomeEmail;

// What `#[async_trait]` makes of `async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult`.
impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    fn handle<'life0, 'life1, 'life2, 'async_trait>(
        &'life0 self,
        _: &'life1 EmployeeCreated,
        _: &'life2 Context,
    ) -> Pin<Box<dyn Future<Output = HandlerResult> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { Ok(()) })
    }
}

fn main() {}
