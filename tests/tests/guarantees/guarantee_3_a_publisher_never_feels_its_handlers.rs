//! What goes wrong in a handler stays in its delivery, and is visible.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cqrs_core::handler::DeliveryError;
use cqrs_core::modules;
use cqrs_core::operations::DeliveryFilter;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;

use crate::support::acme;

#[derive(Serialize, Deserialize, Event)]
struct InvoicePaid {
    #[event(entity_id)]
    id: u32,
}

/// How the faulty handler fails, and when it stops to.
#[derive(Clone)]
struct Fault {
    kind: Kind,
    heals_after: u32,
    calls: Arc<AtomicU32>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Error,
    Permanent,
    RetryAfter,
    Panic,
    PanicPayload,
    PanicInDrop,
    Hang,
    PanicInDropOfHang,
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "thrown by a drop");
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the bank is closed")]
struct BankClosed;

#[events_handler(InvoicePaid, retry(attempts = 3, backoff = "100ms", max = "1s"), timeout = "5s")]
struct Faulty {
    fault: Fault,
}

impl EventHandler<InvoicePaid> for Faulty {
    async fn handle(&self, _: &InvoicePaid, ctx: &Context) -> HandlerResult {
        let call = self.fault.calls.fetch_add(1, SeqCst) + 1;
        assert!(ctx.attempt() > 0);
        if call > self.fault.heals_after {
            return Ok(());
        }
        match self.fault.kind {
            Kind::Error => Err(BankClosed.into()),
            Kind::Permanent => Err(HandlerError::new(BankClosed).permanent()),
            Kind::RetryAfter => Err(HandlerError::msg("later").retry_after(Duration::from_mins(1))),
            Kind::Panic => panic!("out of cheese"),
            Kind::PanicPayload => std::panic::panic_any(PanicsInDrop),
            Kind::PanicInDrop => {
                let _bomb = PanicsInDrop;
                tokio::task::yield_now().await;
                Ok(())
            }
            Kind::Hang => std::future::pending().await,
            Kind::PanicInDropOfHang => {
                let _bomb = PanicsInDrop;
                std::future::pending().await
            }
        }
    }
}

#[events_handler(InvoicePaid)]
struct Sibling;

impl EventHandler<InvoicePaid> for Sibling {
    async fn handle(&self, _: &InvoicePaid, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn app(kind: Kind, heals_after: u32) -> TestApp {
    TestApp::from_builder(App::builder().only(modules![self]))
        .provide(Fault { kind, heals_after, calls: Arc::default() })
        .build()
        .expect("wired")
}

#[tokio::test(start_paused = true)]
async fn whatever_a_handler_does_neither_publisher_nor_sibling_notices() {
    let kinds = [
        (Kind::Error, "the bank is closed"),
        (Kind::Panic, "panicked: out of cheese"),
        (Kind::PanicPayload, "panicked: a panic whose payload is no text"),
        (Kind::PanicInDrop, "panicked: thrown by a drop"),
        (Kind::Hang, "timed out after 5s"),
        (Kind::PanicInDropOfHang, "panicked: thrown by a drop"),
    ];
    for (kind, text) in kinds {
        let app = app(kind, u32::MAX);
        app.publish(&acme(), InvoicePaid { id: 1 }).await.expect("the publisher never feels it");
        app.settled().await;

        let sibling = app.deliveries_to::<Sibling>();
        assert!(sibling[0].is_handled() && sibling[0].attempts.len() == 1, "{kind:?}");
        let faulty = &app.deliveries_to::<Faulty>()[0];
        assert!(faulty.is_dead_lettered(), "{kind:?}");
        assert_eq!(faulty.attempts.len(), 3, "{kind:?}");
        assert_eq!(faulty.last_error().expect("it failed").to_string(), text);
        assert_eq!(app.dead_letters().await.len(), 1, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_recovers_is_retried_with_growing_waits_until_it_succeeds() {
    let app = app(Kind::Error, 2);
    let mut failures = app.failures();
    let began = tokio::time::Instant::now();
    app.publish(&acme(), InvoicePaid { id: 1 }).await.expect("accepted");
    app.settled().await;

    let delivery = &app.deliveries_to::<Faulty>()[0];
    assert!(delivery.is_handled());
    assert_eq!(delivery.attempts.len(), 3);
    assert!(app.dead_letters().await.is_empty());
    assert!(began.elapsed() <= Duration::from_millis(310), "100 ms and 200 ms at most");

    for attempt in 1..=2 {
        let failure = failures.recv().await.expect("the app lives").expect("not lagged");
        assert_eq!((&*failure.handler, failure.attempt), ("faulty", attempt));
        let longest = Duration::from_millis(100 * u64::from(attempt));
        assert!(failure.retry_in.expect("there is another attempt") <= longest);
    }
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_retried() {
    let app = app(Kind::Permanent, u32::MAX);
    app.publish(&acme(), InvoicePaid { id: 1 }).await.expect("accepted");
    app.settled().await;
    let delivery = &app.deliveries_to::<Faulty>()[0];
    assert!(delivery.is_dead_lettered());
    assert_eq!(delivery.attempts.len(), 1);
    // The handler's own error is there, with its type.
    let Some(DeliveryError::Failed(error)) = delivery.last_error() else { panic!("its own error") };
    assert!(error.downcast_ref::<BankClosed>().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_handler_can_say_when_to_come_back() {
    let app = app(Kind::RetryAfter, 1);
    let began = tokio::time::Instant::now();
    app.publish(&acme(), InvoicePaid { id: 1 }).await.expect("accepted");
    app.settled().await;
    assert!(app.deliveries_to::<Faulty>()[0].is_handled());
    assert!(began.elapsed() >= Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn publish_and_wait_tells_every_handlers_outcome() {
    let app = app(Kind::Panic, u32::MAX);
    app.expect_failures();
    let outcomes = app.events().publish_and_wait(&acme(), InvoicePaid { id: 1 }).await;
    let outcomes = outcomes.expect("accepted");
    let told: Vec<_> = outcomes.iter().map(|it| (&*it.handler, it.attempts, it.is_ok())).collect();
    assert_eq!(told, [("faulty", 3, false), ("sibling", 1, true)]);
    assert!(matches!(outcomes[0].result, Err(DeliveryError::Panicked(_))));
}

#[tokio::test(start_paused = true)]
async fn dead_letters_can_be_listed_redelivered_and_discarded() {
    // Heals after the first event's three attempts and the second event's three.
    let app = app(Kind::Error, 9);
    let other = Context::for_tenant("other").expect("valid");
    app.publish(&acme(), InvoicePaid { id: 1 }).await.expect("accepted");
    app.publish(&acme(), InvoicePaid { id: 2 }).await.expect("accepted");
    app.publish(&other, InvoicePaid { id: 3 }).await.expect("accepted");
    app.settled().await;

    let (operations, operator) = (app.operations(), Context::system());
    let all = DeliveryFilter::dead();
    let list = async |filter| operations.failed(&filter).await.expect("in memory");
    assert_eq!(list(all.clone()).await.len(), 3);
    assert_eq!(list(all.clone().limit(2)).await.len(), 2);
    assert_eq!(list(all.clone().tenant(other.tenant().clone())).await.len(), 1);
    assert_eq!(list(all.clone().handler("faulty").event("invoice.paid")).await.len(), 3);
    assert_eq!(list(all.clone().handler("sibling")).await.len(), 0);

    let first = list(all.clone()).await[0].clone();
    assert_eq!((first.attempts, &*first.handler), (3, "faulty"));
    assert_eq!(list(all.clone().after(first.id)).await.len(), 2);
    operations.redeliver(&operator, first.id).await.expect("it is there");
    assert!(operations.redeliver(&operator, first.id).await.is_err(), "it is there once");
    app.settled().await;
    assert_eq!(app.dead_letters().await.len(), 2, "the handler has healed");
    assert!(app.deliveries_to::<Faulty>().last().expect("redelivered").is_handled());

    let mine = all.clone().tenant(acme().tenant().clone());
    let mine = list(mine).await[0].id;
    operations.discard(&operator, mine).await.expect("it is there");
    assert!(operations.discard(&operator, mine).await.is_err());
    assert_eq!(operations.redeliver_all(&operator, &all).await.expect("not shut down"), 1);
    app.settled().await;
    assert!(app.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_so_many_dead_letters_are_kept_and_the_rest_is_counted() {
    let app = TestApp::from_builder(App::builder().only(modules![self]).dead_letter_capacity(2))
        .provide(Fault { kind: Kind::Permanent, heals_after: u32::MAX, calls: Arc::default() })
        .build()
        .expect("wired");
    for id in 1..=5 {
        app.publish(&acme(), InvoicePaid { id }).await.expect("accepted");
        app.settled().await;
    }
    let kept = app.dead_letters().await;
    let ids: Vec<_> = kept
        .iter()
        .filter_map(|it| it.event.downcast_ref::<InvoicePaid>())
        .map(|it| it.id)
        .collect();
    assert_eq!(ids, [4, 5], "the oldest go first");
    assert_eq!(app.operations().dropped(), 3);
}

#[derive(Command)]
#[command(error = BankClosed)]
struct Pay {
    how: &'static str,
}

#[command_handler(Pay, timeout = "2s")]
struct PayHandler;

impl CommandHandler<Pay> for PayHandler {
    async fn execute(&self, command: Pay, _: &Context) -> Result<(), BankClosed> {
        match command.how {
            "refuse" => Err(BankClosed),
            "panic" => panic!("no coins"),
            "hang" => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commands_caller_can_tell_every_way_of_failing_apart() {
    let app = app(Kind::Error, 0);
    let pay = |how| {
        let app = &app;
        async move { app.execute(&acme(), Pay { how }).await }
    };
    assert!(matches!(pay("well").await, Ok(())));
    assert!(matches!(pay("refuse").await, Err(ExecuteError::Handler(BankClosed))));
    assert!(
        matches!(pay("hang").await, Err(ExecuteError::TimedOut { message: "pay", after }) if after == Duration::from_secs(2))
    );
    match pay("panic").await {
        Err(ExecuteError::Panicked { panic, .. }) => assert_eq!(panic, "no coins"),
        other => panic!("{other:?}"),
    }
    assert!(app.shutdown(Duration::ZERO).await.is_clean());
    assert!(matches!(pay("well").await, Err(ExecuteError::ShutDown { message: "pay" })));
}
