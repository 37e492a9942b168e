use cqrs_core::prelude::*;

struct EmployeeCreated;

#[events_handler(EmployeeCreated)]
struct NotifyManagers;

impl<E: Event> EventHandler<E> for NotifyManagers {
    async fn handle(&self, _: &E, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
