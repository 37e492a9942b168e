//! Every form of handler that is written as a function.

#![deny(warnings)]

use std::sync::Mutex;

use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{App, modules};
use cqrs_tests::ledger::{Ledger, LedgerTransaction};

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated {
    #[event(entity_id)]
    employee_id: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct EmployeeLeft {
    #[event(entity_id)]
    employee_id: u32,
}

#[derive(Command)]
#[command(output = u32)]
struct CreateEmployee(u32);

#[derive(Command)]
struct DismissEmployee {
    employee_id: u32,
}

#[derive(Query)]
#[query(output = usize)]
struct CountNotes;

trait Notes: Send + Sync {
    fn note(&self, text: String);
    fn count(&self) -> usize;
}

#[derive(Default)]
struct Notebook(Mutex<Vec<String>>);

impl Notes for Notebook {
    fn note(&self, text: String) {
        self.0.lock().expect("not poisoned").push(text);
    }

    fn count(&self) -> usize {
        self.0.lock().expect("not poisoned").len()
    }
}

/// Built from its fields; functions get a reference to it.
#[derive(Injectable)]
struct Greeter {
    notes: Arc<dyn Notes>,
}

/// A plain value, which functions get by reference or as a clone.
#[derive(Clone)]
struct Config {
    greeting: &'static str,
}

#[command_handler(timeout = "5s")]
async fn create_employee(
    CreateEmployee(employee_id): CreateEmployee,
    ctx: &Context,
    events: &EventBus,
) -> Result<u32, HandlerError> {
    events.publish(ctx, EmployeeCreated { employee_id }).await?;
    Ok(employee_id)
}

#[query_handler]
async fn count_notes(_: CountNotes, notes: &dyn Notes) -> Result<usize, HandlerError> {
    Ok(notes.count())
}

/// A reference to a service, a reference to a value, a clone of a value, and a value by its name.
#[events_handler(retry(attempts = 2), name = "greet")]
async fn greet_employee(
    event: &EmployeeCreated,
    greeter: &Greeter,
    config: &Config,
    owned: Config,
    #[inject(name = "farewell")] farewell: &Config,
    ctx: &Context,
) -> HandlerResult {
    let Config { greeting } = config;
    let tenant = ctx.tenant();
    assert_eq!(owned.greeting, *greeting);
    let id = event.employee_id;
    greeter.notes.note(format!("{greeting}, {id} of {tenant}, {}", farewell.greeting));
    Ok(())
}

/// Its error type may be any error.
#[events_handler(retry = none)]
async fn parse_number(_: &EmployeeCreated) -> Result<(), std::num::ParseIntError> {
    "many".parse::<u32>().map(drop)
}

#[events_handler(batch(max = 10))]
async fn index(batch: &Batch<AnyEvent>, notes: Arc<dyn Notes>) -> HandlerResult {
    for item in batch {
        notes.note(format!("indexed {}", item.name()));
    }
    Ok(())
}

mod in_transactions {
    use super::*;

    #[command_handler]
    pub(super) async fn dismiss_employee(
        command: DismissEmployee,
        tx: &mut LedgerTransaction,
        events: EventBus,
        ctx: &Context,
    ) -> Result<(), HandlerError> {
        let DismissEmployee { employee_id } = command;
        tx.write(format!("dismissed {employee_id}"));
        events.publish(ctx, EmployeeLeft { employee_id }).await?;
        Ok(())
    }

    #[events_handler(transactional, start = "beginning")]
    pub(super) async fn discount(
        event: &EmployeeLeft,
        tx: &mut LedgerTransaction,
    ) -> HandlerResult {
        tx.write(format!("discounted {}", event.employee_id));
        Ok(())
    }

    #[events_handler(batch(max = 3))]
    async fn archive(batch: &Batch<EmployeeLeft>, tx: &mut LedgerTransaction) -> HandlerResult {
        tx.write(format!("archived {}", batch.len()));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn functions_get_what_they_name() {
    let notes = Arc::new(Notebook::default());
    let builder = App::builder()
        .only(modules![self])
        .without(modules![self::in_transactions, self::no_transaction]);
    let app = TestApp::from_builder(builder)
        .provide::<Arc<dyn Notes>>(notes.clone())
        .provide(Config { greeting: "Hello" })
        .configure(|app| app.provide_named("farewell", Config { greeting: "bye" }))
        .configure(|app| {
            let dismiss = |_: DismissEmployee, _: Context| async { Ok(()) };
            app.register(cqrs_core::Handler::command_fn("dismiss", dismiss))
        })
        .build()
        .expect("wired");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");

    assert_eq!(app.execute(&ctx, CreateEmployee(7)).await.expect("created"), 7);
    app.settled().await;

    let mut lines = notes.0.lock().expect("not poisoned").clone();
    lines.sort_unstable();
    assert_eq!(lines, ["Hello, 7 of acme, bye", "indexed employee.created"]);
    assert_eq!(app.query(&ctx, CountNotes).await.expect("counted"), 2);
    // A test names a function's handler by the function.
    assert!(app.deliveries_to::<greet_employee>()[0].is_handled());
    assert_eq!(app.handler("greet").expect("named").name(), "greet");
    let failed = app.deliveries_to_named("parse-number");
    let error = failed[0].last_error().expect("failed");
    let error = error.handler_error().expect("its own error");
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
}

#[tokio::test]
async fn functions_write_in_the_transaction_that_they_take() {
    let ledger = Ledger::default();
    let app = App::builder()
        .only(modules![self::in_transactions])
        .store(ledger.clone())
        .build()
        .expect("wired");
    app.start().await.expect("started");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");
    app.commands().execute(&ctx, DismissEmployee { employee_id: 7 }).await.expect("dismissed");
    app.idle().await;
    let mut lines = ledger.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["archived 1", "discounted 7", "dismissed 7"]);
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
}

#[tokio::test]
async fn a_function_is_still_a_function() {
    let notes = Notebook::default();
    notes.note("one".to_owned());
    assert_eq!(count_notes(CountNotes, &notes).await.expect("counted"), 1);
}

mod no_transaction {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "functions.pool.drained")]
    pub(super) struct PoolDrained;

    pub(super) struct Pool;

    #[events_handler(name = "wrong-transaction")]
    pub(super) async fn wrong(_: &PoolDrained, pool: &mut Pool) -> HandlerResult {
        let Pool = pool;
        Ok(())
    }
}

#[test]
fn a_parameter_that_is_no_transaction_is_in_the_report() {
    let app = TestApp::builder().only::<no_transaction::wrong>();
    let error = app.build().expect_err("no store").to_string();
    assert!(error.contains("so write `&` for a service"), "{error}");
}

#[test]
fn what_a_function_lacks_is_in_the_report() {
    let error = TestApp::builder().only::<greet_employee>().build().expect_err("incomplete");
    let report = error.to_string();
    for part in [
        "nothing offers `Arc<dyn Notes>`, which `notes` of service `Greeter`",
        "nothing offers `Arc<Config>`, which `config` of handler `greet_employee`",
        "nothing offers `Arc<Config>` named \"farewell\", which `farewell` of handler `greet_employee`",
        "nothing offers `Config`, which `owned` of handler `greet_employee`",
    ] {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
}
