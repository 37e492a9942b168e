//! A command that middleware runs again in a new transaction.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cqrs_core::middleware::{Call, Middleware, Next, Outcome};
use cqrs_core::modules;
use cqrs_core::prelude::*;

fn acme() -> Context {
    Context::for_tenant("acme").expect("valid")
}

#[derive(Clone, Command)]
struct Book;

#[derive(Serialize, Deserialize, Event)]
struct Booked {
    run: u32,
}

#[command_handler(Book, transactional)]
struct BookHandler {
    #[inject(default)]
    runs: AtomicU32,
    events: EventBus,
}

impl TransactionalCommandHandler<Book> for BookHandler {
    type Transaction = cqrs_sql::SqliteTransaction;

    async fn execute(
        &self,
        _: Book,
        _: &mut Self::Transaction,
        ctx: &Context,
    ) -> Result<(), HandlerError> {
        let run = self.runs.fetch_add(1, SeqCst) + 1;
        self.events.publish(ctx, Booked { run }).await?;
        if run == 1 { Err(HandlerError::msg("a conflict")) } else { Ok(()) }
    }
}

#[events_handler(Booked)]
struct Note;

impl EventHandler<Booked> for Note {
    async fn handle(&self, _: &Booked, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[tokio::test]
async fn what_a_run_published_in_its_transaction_is_dropped_when_the_command_runs_again() {
    struct Again;
    impl Middleware for Again {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            if next.clone().run(call).await.is_ok() {
                return Ok(());
            }
            call.set_message(Book)?;
            next.run(call).await
        }
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("app.db");
    let store = cqrs_sql::SqlStore::sqlite(path).await.expect("a store");
    let app = App::builder().only(modules![self]).store(store);
    let app = app.middleware(Again).build().expect("wired");
    let mut booked = app.events().subscribe::<Booked>();
    app.start().await.expect("started");
    app.commands().execute(&acme(), Book).await.expect("the second run succeeds");
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    let mut runs = Vec::new();
    while let Some(event) = booked.recv().await {
        runs.push(event.expect("none is lost").run);
    }
    assert_eq!(runs, [2]);
}
