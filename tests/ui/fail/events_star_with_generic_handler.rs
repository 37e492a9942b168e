use cqrs_core::prelude::*;

#[events_handler(*)]
struct NotifyManagers;

impl<E: Event> EventHandler<E> for NotifyManagers {
    async fn handle(&self, _: &E, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
