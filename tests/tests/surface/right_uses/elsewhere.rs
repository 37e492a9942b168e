//! Annotations in a crate that gets the core from another crate.

#![deny(warnings)]

use std::sync::Mutex;

use platform::cqrs;
use platform::cqrs::prelude::*;

/// What a crate of the company re-exports.
mod platform {
    pub(super) use cqrs_core as cqrs;
}

type Notes = Arc<Mutex<Vec<String>>>;

#[derive(Serialize, Deserialize, Event)]
#[event(name = "elsewhere.created", crate = "self::platform::cqrs")]
struct Created {
    id: u32,
}

#[derive(Command)]
#[command(name = "elsewhere.create", crate = "self::platform::cqrs")]
struct Create(u32);

#[derive(Injectable)]
#[injectable(crate = "self::platform::cqrs")]
struct Notebook {
    notes: Notes,
}

#[provider(name = "elsewhere", crate = "self::platform::cqrs")]
fn notes() -> Notes {
    Notes::default()
}

#[command_handler(name = "elsewhere-create", crate = "self::platform::cqrs")]
async fn create(command: Create, ctx: &Context, events: &EventBus) -> Result<(), HandlerError> {
    events.publish(ctx, Created { id: command.0 }).await?;
    Ok(())
}

#[events_handler(name = "elsewhere-note", crate = "self::platform::cqrs")]
async fn note(event: &Created, notebook: &Notebook) -> HandlerResult {
    notebook.notes.lock().expect("not poisoned").push(format!("created {}", event.id));
    Ok(())
}

#[tokio::test]
async fn everything_works_as_with_a_direct_dependency() {
    let notes = Notes::default();
    let app = App::builder().only(cqrs::modules![self]).provide(notes.clone());
    let app = app.build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");
    app.execute(&ctx, Create(7)).await.expect("created");
    app.idle().await;
    assert_eq!(*notes.lock().expect("not poisoned"), ["created 7"]);
}
