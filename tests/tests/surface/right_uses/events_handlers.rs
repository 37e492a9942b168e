//! Every form of events handler, with every option.

#![deny(warnings)]

use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
pub struct EmployeeCreated;

mod tasks {
    use cqrs_core::prelude::*;

    #[derive(Serialize, Deserialize, Event)]
    pub struct TaskCreated;
}

/// One event.
#[events_handler(EmployeeCreated)]
#[derive(Debug)]
pub struct SendWelcomeEmail;

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

/// Many events, each with its own implementation; the annotation below a derive.
#[derive(Debug, Clone)]
#[events_handler(EmployeeCreated, tasks::TaskCreated)]
struct CountBoth;

impl EventHandler<EmployeeCreated> for CountBoth {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

impl EventHandler<tasks::TaskCreated> for CountBoth {
    async fn handle(&self, _: &tasks::TaskCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

/// Many events, one implementation; every option.
#[events_handler(
    EmployeeCreated,
    tasks::TaskCreated,
    retry(attempts = 100, backoff = "1ms", max = "24h"),
    timeout = "250ms",
    concurrency = 1024,
    rate = "1000000/s",
    breaker(failures = 10000, cooldown = "24h"),
    name = "hr.notify_managers-2"
)]
struct NotifyManagers {
    greeting: String,
}

impl<E: Event> EventHandler<E> for NotifyManagers {
    async fn handle(&self, event: &E, _: &Context) -> HandlerResult {
        let _ = (event.entity(), E::NAME, &self.greeting);
        Ok(())
    }
}

/// Parts of options.
#[events_handler(EmployeeCreated, retry(attempts = 1))]
struct Once;

impl EventHandler<EmployeeCreated> for Once {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

/// In memory, also if the application has a store.
#[events_handler(EmployeeCreated, transient)]
struct ShowProgress;

impl EventHandler<EmployeeCreated> for ShowProgress {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

/// What happened before it was deployed too.
#[events_handler(EmployeeCreated, start = "beginning")]
struct BuildIndex;

impl EventHandler<EmployeeCreated> for BuildIndex {
    async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
        Ok(())
    }
}

/// Every event.
#[events_handler(*, retry = none, timeout = none)]
struct Trace;

impl EventHandler<AnyEvent> for Trace {
    async fn handle(&self, event: &AnyEvent, _: &Context) -> HandlerResult {
        let _ = event.name();
        Ok(())
    }
}

/// A handler inside a function belongs to the function's module.
#[test]
fn also_a_handler_inside_a_function_is_wired() {
    #[events_handler(EmployeeCreated)]
    struct Local;

    impl EventHandler<EmployeeCreated> for Local {
        async fn handle(&self, _: &EmployeeCreated, _: &Context) -> HandlerResult {
            Ok(())
        }
    }

    let app = App::builder().only(cqrs_core::modules![self]).provide(String::from("hello"));
    app.build().expect("everything is wired");
}
