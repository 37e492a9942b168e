//! Handlers of all events that implement a trait.

#![deny(warnings)]

use std::sync::Mutex;

use cqrs_core::app::ProblemKind;
use cqrs_core::log::MemoryStore;
use cqrs_core::prelude::*;
use cqrs_core::{App, Handler};
use cqrs_tests::ledger::{Ledger, LedgerTransaction};

trait EmployeeEvent: Send + Sync {
    fn employee_id(&self) -> u32;
}

trait Audited: Send + Sync {
    fn audit(&self) -> String;
}

#[derive(Serialize, Deserialize, Event)]
#[event(name = "traits.employee.created", as(dyn EmployeeEvent, dyn Audited))]
struct EmployeeCreated {
    #[event(entity_id)]
    id: u32,
}

#[derive(Serialize, Deserialize, Event)]
#[event(name = "traits.employee.left", as = dyn EmployeeEvent)]
struct EmployeeLeft {
    #[event(entity_id)]
    id: u32,
}

#[derive(Serialize, Deserialize, Event)]
#[event(name = "traits.task.created")]
struct TaskCreated;

impl EmployeeEvent for EmployeeCreated {
    fn employee_id(&self) -> u32 {
        self.id
    }
}

impl EmployeeEvent for EmployeeLeft {
    fn employee_id(&self) -> u32 {
        self.id
    }
}

impl Audited for EmployeeCreated {
    fn audit(&self) -> String {
        format!("created {}", self.id)
    }
}

type Notes = Arc<Mutex<Vec<String>>>;

/// A struct that handles the events of a trait and one more event.
#[events_handler(dyn EmployeeEvent, TaskCreated)]
struct Index {
    notes: Notes,
}

impl EventHandler<dyn EmployeeEvent> for Index {
    async fn handle(&self, event: &(dyn EmployeeEvent + 'static), _: &Context) -> HandlerResult {
        self.notes.lock().expect("not poisoned").push(format!("indexed {}", event.employee_id()));
        Ok(())
    }
}

impl EventHandler<TaskCreated> for Index {
    async fn handle(&self, _: &TaskCreated, _: &Context) -> HandlerResult {
        self.notes.lock().expect("not poisoned").push("a task".to_owned());
        Ok(())
    }
}

#[events_handler]
async fn audit(event: &dyn Audited, ctx: &Context, notes: Notes) -> HandlerResult {
    let text = format!("{} {}", ctx.tenant(), event.audit());
    notes.lock().expect("not poisoned").push(text);
    Ok(())
}

mod in_transactions {
    use super::*;

    #[events_handler(retry = none)]
    async fn count(event: &dyn EmployeeEvent, tx: &mut LedgerTransaction) -> HandlerResult {
        tx.write(format!("counted {}", event.employee_id()));
        Ok(())
    }
}

async fn publish_all(app: &App) {
    app.start().await.expect("started");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");
    app.publish(&ctx, EmployeeCreated { id: 1 }).await.expect("published");
    app.publish(&ctx, EmployeeLeft { id: 2 }).await.expect("published");
    app.publish(&ctx, TaskCreated).await.expect("published");
    app.idle().await;
}

#[tokio::test]
async fn a_handler_gets_every_event_of_its_trait_in_memory_and_from_a_store() {
    for store in [false, true] {
        let notes = Notes::default();
        let app = App::builder().only(modules![self]).without(modules![self::in_transactions]);
        let app = if store { app.store(MemoryStore::new()) } else { app };
        let app = app.provide(notes.clone()).build().expect("wired");
        publish_all(&app).await;
        let mut notes = notes.lock().expect("not poisoned").clone();
        notes.sort_unstable();
        assert_eq!(notes, ["a task", "acme created 1", "indexed 1", "indexed 2"]);
        let description = app.describe();
        let index = description.handlers.iter().find(|it| it.name == "index").expect("described");
        let expected = ["traits.employee.created", "traits.employee.left", "traits.task.created"];
        assert_eq!(index.handles, expected);
        assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    }
}

#[tokio::test]
async fn in_a_transaction_too() {
    let ledger = Ledger::default();
    let app = App::builder().only(modules![self::in_transactions]).store(ledger.clone());
    let app = app.build().expect("wired");
    publish_all(&app).await;
    let mut lines = ledger.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["counted 1", "counted 2"]);
}

/// No event has it as an alias.
trait Unused: Send + Sync {}

struct Unneeded;

impl EventHandler<dyn Unused> for Unneeded {
    async fn handle(&self, _: &(dyn Unused + 'static), _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[test]
fn a_trait_without_events_is_in_the_report() {
    let unneeded = Handler::events("unneeded", Unneeded).on_alias::<dyn Unused>();
    let error = App::builder().bare().register(unneeded).build().expect_err("no event");
    assert_eq!(error.problems()[0].kind(), ProblemKind::NoEventOfTrait);
    let text = error.to_string();
    assert!(text.contains("handles `dyn Unused`, but no event has this alias"), "{text}");
    assert!(text.contains("add `#[event(as = dyn Unused)]` to the events"), "{text}");
}
