//! Every form of handler that writes in a transaction, on a store that has transactions.

#![deny(warnings)]

use std::time::Duration;

use cqrs_core::handler::BatchPolicy;
use cqrs_core::prelude::*;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy, modules};
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

/// It publishes, and fails for employee 13 after that.
#[command_handler(CreateEmployee, transactional, timeout = "5s")]
struct CreateEmployeeHandler {
    events: EventBus,
}

impl TransactionalCommandHandler<CreateEmployee> for CreateEmployeeHandler {
    type Transaction = LedgerTransaction;

    async fn execute(
        &self,
        CreateEmployee(employee_id): CreateEmployee,
        tx: &mut LedgerTransaction,
        ctx: &Context,
    ) -> Result<u32, HandlerError> {
        tx.write(format!("employee {employee_id}"));
        self.events.publish(ctx, EmployeeCreated { employee_id }).await?;
        if employee_id == 13 {
            return Err(HandlerError::msg("unlucky"));
        }
        Ok(employee_id)
    }
}

/// Two events, one at a time. The first attempt for each new employee fails after it has written.
#[events_handler(EmployeeCreated, EmployeeLeft, transactional, retry(backoff = "1ms"))]
struct CountHeads;

impl TransactionalEventHandler<EmployeeCreated> for CountHeads {
    type Transaction = LedgerTransaction;

    async fn handle(
        &self,
        event: &EmployeeCreated,
        tx: &mut LedgerTransaction,
        ctx: &Context,
    ) -> HandlerResult {
        tx.write(format!("counted {} in attempt {}", event.employee_id, ctx.attempt()));
        if ctx.attempt() == 1 {
            return Err(HandlerError::msg("not yet"));
        }
        Ok(())
    }
}

impl TransactionalEventHandler<EmployeeLeft> for CountHeads {
    type Transaction = LedgerTransaction;

    async fn handle(
        &self,
        event: &EmployeeLeft,
        tx: &mut LedgerTransaction,
        _: &Context,
    ) -> HandlerResult {
        tx.write(format!("discounted {}", event.employee_id));
        Ok(())
    }
}

/// Every event, in batches.
#[events_handler(*, batch(max = 10), transactional, start = "beginning")]
struct Index;

impl TransactionalBatchEventHandler<AnyEvent> for Index {
    type Transaction = LedgerTransaction;

    async fn handle_batch(
        &self,
        batch: &Batch<AnyEvent>,
        tx: &mut LedgerTransaction,
        _: &Context,
    ) -> HandlerResult {
        for item in batch {
            tx.write(format!("indexed {}", item.name()));
        }
        Ok(())
    }
}

/// One event in batches, and every event one by one.
struct Generic<T>(T);

impl<T: Send + Sync + 'static> TransactionalBatchEventHandler<EmployeeLeft> for Generic<T> {
    type Transaction = LedgerTransaction;

    async fn handle_batch(
        &self,
        batch: &Batch<EmployeeLeft>,
        tx: &mut LedgerTransaction,
        _: &Context,
    ) -> HandlerResult {
        tx.write(format!("batch with {}", batch.iter().next().map_or(0, |it| it.employee_id)));
        Ok(())
    }
}

impl<T: Send + Sync + 'static> TransactionalEventHandler<AnyEvent> for Generic<T> {
    type Transaction = LedgerTransaction;

    async fn handle(
        &self,
        event: &AnyEvent,
        tx: &mut LedgerTransaction,
        _: &Context,
    ) -> HandlerResult {
        tx.write(format!("traced {}", event.name()));
        Ok(())
    }
}

fn sorted(ledger: &Ledger) -> Vec<String> {
    let mut lines = ledger.lines();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn what_annotated_handlers_write_and_publish_commits_when_they_succeed() {
    let ledger = Ledger::default();
    let app = App::builder().only(modules![self]).store(ledger.clone()).build().expect("wired");
    app.start().await.expect("started");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");

    let refused = app.commands().execute(&ctx, CreateEmployee(13)).await;
    assert!(matches!(refused, Err(ExecuteError::Handler(_))), "{refused:?}");
    app.idle().await;
    assert_eq!(sorted(&ledger), [""; 0]);

    assert_eq!(app.commands().execute(&ctx, CreateEmployee(7)).await.expect("created"), 7);
    app.idle().await;
    app.events().publish(&ctx, EmployeeLeft { employee_id: 7 }).await.expect("published");
    app.idle().await;
    let expected = [
        "counted 7 in attempt 2",
        "discounted 7",
        "employee 7",
        "indexed employee.created",
        "indexed employee.left",
    ];
    assert_eq!(sorted(&ledger), expected);
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
}

#[tokio::test]
async fn generic_handlers_are_registered_by_hand() {
    let ledger = Ledger::default();
    let once = HandlerOptions::DEFAULT.retry(RetryPolicy::none());
    let batches = Handler::transactional_batches("batches", BatchPolicy::new(10), Generic(1_u8));
    let app = App::builder()
        .bare()
        .store(ledger.clone())
        .register(batches.on::<EmployeeLeft>())
        .register(Handler::transactional_events("trace", Generic("")).on_any().options(once))
        .build()
        .expect("wired");
    app.start().await.expect("started");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");
    app.events().publish(&ctx, EmployeeLeft { employee_id: 7 }).await.expect("published");
    app.idle().await;
    assert_eq!(sorted(&ledger), ["batch with 7", "traced employee.left"]);
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
}
