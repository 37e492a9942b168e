//! Dead letters that block their order key: `dead_letters = "block"`.

mod batches;
mod unreadable;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};

use cqrs_core::app::ProblemKind;
use cqrs_core::handler::{DeadLetters, HandlerSettings, Order};
use cqrs_core::log::MemoryStore;
use cqrs_core::operations::{DeliveryDied, FailedDelivery, OperationError};
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, Handler, HandlerOptions, Published, RetryPolicy};
use serde_json::json;

#[derive(Debug, Serialize, Deserialize, Event)]
#[event(entity = "Account")]
struct Booked {
    #[event(entity_id)]
    account: u32,
    number: u32,
}

/// It has no order key.
#[derive(Debug, Serialize, Deserialize, Event)]
struct DayClosed;

const BLOCK: HandlerOptions =
    HandlerOptions::DEFAULT.retry(RetryPolicy::none()).dead_letters(DeadLetters::Block);

/// What a handler has booked, and the numbers that it cannot book.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Books>>);

#[derive(Default)]
struct Books {
    booked: Vec<(u32, u32)>,
    refused: BTreeSet<u32>,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("not poisoned")
    }

    fn refuse(&self, numbers: impl IntoIterator<Item = u32>) {
        self.state().refused = numbers.into_iter().collect();
    }

    fn book(&self, event: &Booked) -> HandlerResult {
        let Books { booked, refused } = &mut *self.state();
        if refused.contains(&event.number) {
            return Err(HandlerError::msg("it does not add up"));
        }
        booked.push((event.account, event.number));
        Ok(())
    }

    /// All that was booked, also what came again.
    fn all_of(&self, account: u32) -> Vec<u32> {
        let state = self.state();
        state.booked.iter().filter(|(it, _)| *it == account).map(|(_, number)| *number).collect()
    }

    /// What was booked first: an operator who changes a shard may let its newest events come again.
    fn of(&self, account: u32) -> Vec<u32> {
        let mut seen = BTreeSet::new();
        self.all_of(account).into_iter().filter(|number| seen.insert(*number)).collect()
    }

    fn handler(&self, name: &'static str, options: HandlerOptions) -> HandlerRegistration {
        let ledger = self.clone();
        let handler = Handler::event_fn(name, move |event: Published<Booked>, _| {
            let result = ledger.book(&event);
            async { result }
        });
        handler.options(options)
    }
}

fn acme() -> Context {
    Context::for_tenant("acme").expect("a valid tenant")
}

fn bare() -> AppBuilder {
    App::builder().bare()
}

/// In memory, and with a store.
fn builders() -> [AppBuilder; 2] {
    [bare(), bare().store(MemoryStore::default())]
}

async fn book(app: &TestApp, account: u32, number: u32) {
    app.publish(&acme(), Booked { account, number }).await.expect("accepted");
}

async fn only_letter(app: &TestApp) -> FailedDelivery {
    let mut letters = app.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.remove(0)
}

#[tokio::test]
async fn later_events_of_a_key_wait_behind_a_dead_letter_until_it_is_redelivered() {
    for builder in builders() {
        let (ledger, other, deaths) = (Ledger::default(), Ledger::default(), AtomicUsize::new(0));
        let deaths = Arc::new(deaths);
        let count = Arc::clone(&deaths);
        let react = Handler::event_fn("react", move |_: Published<DeliveryDied>, _| {
            count.fetch_add(1, SeqCst);
            async { Ok(()) }
        });
        let app = TestApp::from_builder(builder)
            .register(ledger.handler("ledger", BLOCK))
            .register(other.handler("other", HandlerOptions::DEFAULT))
            .register(react);
        let app = app.build().expect("wired");
        ledger.refuse([1]);
        for (account, number) in [(7, 1), (7, 2), (8, 1), (8, 9), (9, 3), (7, 4), (9, 5)] {
            book(&app, account, number).await;
        }
        app.settled().await;
        assert_eq!((ledger.of(7), ledger.of(8), ledger.of(9)), (vec![], vec![], vec![3, 5]));
        assert_eq!(other.of(7), [1, 2, 4], "another handler goes on");
        let letters = app.dead_letters().await;
        assert_eq!(letters.len(), 2);
        assert!(
            letters.iter().all(|letter| letter.blocks_key && letter.error == "it does not add up")
        );
        let status = app.handler("ledger").expect("it is there").status();
        assert_eq!((status.blocked_keys, status.queued, status.running), (2, 3, 0));
        assert_eq!(deaths.load(SeqCst), 2);

        // What fails again still blocks its key.
        let (operations, operator) = (app.operations(), Context::system());
        operations.redeliver(&operator, letters[0].id).await.expect("it is there");
        app.settled().await;
        assert_eq!(ledger.of(7), [0; 0]);
        let letters = app.dead_letters().await;
        assert!(letters.len() == 2 && letters.iter().all(|it| it.blocks_key), "{letters:?}");
        assert_eq!(deaths.load(SeqCst), 3);

        ledger.refuse([]);
        let all = cqrs_core::operations::DeliveryFilter::dead();
        operations.redeliver_all(&operator, &all).await.expect("they are there");
        app.idle().await;
        assert_eq!((ledger.of(7), ledger.of(8)), (vec![1, 2, 4], vec![1, 9]));
        assert_eq!(app.dead_letters().await.len(), 0);
        let status = app.handler("ledger").expect("it is there").status();
        assert_eq!((status.blocked_keys, status.queued), (0, 0));
        assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    }
}

#[tokio::test]
async fn a_discarded_dead_letter_lets_the_later_events_go_on() {
    for builder in builders() {
        let ledger = Ledger::default();
        let app = TestApp::from_builder(builder).register(ledger.handler("ledger", BLOCK));
        let app = app.build().expect("wired");
        ledger.refuse([1, 3]);
        for number in 1..=4 {
            book(&app, 7, number).await;
        }
        app.settled().await;
        let operator = Context::system();
        let first = only_letter(&app).await;
        app.operations().discard(&operator, first.id).await.expect("it is there");
        app.settled().await;
        assert_eq!(ledger.of(7), [2], "the third one blocks the key now");
        let third = only_letter(&app).await;
        assert!(third.blocks_key && third.id != first.id);
        app.operations().discard(&operator, third.id).await.expect("it is there");
        app.idle().await;
        assert_eq!(ledger.of(7), [2, 4]);
    }
}

#[tokio::test]
async fn an_application_with_a_blocked_key_and_nothing_behind_it_is_idle() {
    for builder in builders() {
        let ledger = Ledger::default();
        ledger.refuse([1]);
        let app = TestApp::from_builder(builder).register(ledger.handler("ledger", BLOCK));
        let app = app.build().expect("wired");
        book(&app, 7, 1).await;
        app.idle().await;
        assert!(only_letter(&app).await.blocks_key);
        assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    }
}

#[tokio::test]
async fn an_event_without_a_key_blocks_nothing() {
    for builder in builders() {
        let close = Handler::event_fn("close", |_: Published<DayClosed>, _| async {
            Err(HandlerError::msg("not now"))
        });
        let app = TestApp::from_builder(builder).register(close.options(BLOCK));
        let app = app.build().expect("wired");
        for _ in 0..2 {
            app.publish(&acme(), DayClosed).await.expect("accepted");
        }
        app.idle().await;
        let letters = app.dead_letters().await;
        assert!(letters.len() == 2 && letters.iter().all(|it| !it.blocks_key), "{letters:?}");
    }
}

#[tokio::test]
async fn with_the_order_of_tenants_a_dead_letter_blocks_its_tenant() {
    for builder in builders() {
        let ledger = Ledger::default();
        ledger.refuse([1]);
        let handler = ledger.handler("ledger", BLOCK.order(Order::Tenant));
        let app = TestApp::from_builder(builder).register(handler).build().expect("wired");
        book(&app, 7, 1).await;
        book(&app, 8, 2).await;
        let other = Context::for_tenant("other").expect("valid");
        app.publish(&other, Booked { account: 9, number: 3 }).await.expect("accepted");
        app.settled().await;
        assert_eq!((ledger.of(8), ledger.of(9)), (vec![], vec![3]));
        let letter = only_letter(&app).await;
        app.operations().discard(&Context::system(), letter.id).await.expect("it is there");
        app.idle().await;
        assert_eq!(ledger.of(8), [2]);
    }
}

#[tokio::test]
async fn publishers_wait_while_what_waits_behind_a_dead_letter_fills_the_queue() {
    let ledger = Ledger::default();
    ledger.refuse([1]);
    let app =
        TestApp::from_builder(bare().queue_capacity(2)).register(ledger.handler("ledger", BLOCK));
    let app = app.build().expect("wired");
    app.expect_failures();
    for number in 1..=3 {
        book(&app, 7, number).await;
        app.settled().await;
    }
    let publish = |number| {
        let events = app.events().clone();
        let event = Booked { account: 7, number };
        tokio::spawn(async move { events.publish(&acme(), event).await })
    };
    let waiting = publish(4);
    let ledger_of = app.handler("ledger").expect("it is there");
    while ledger_of.status().waiting_publishers == 0 {
        tokio::task::yield_now().await;
    }
    app.settled().await;
    let letter = only_letter(&app).await;
    app.operations().discard(&Context::system(), letter.id).await.expect("it is there");
    waiting.await.expect("no panic").expect("accepted");
    app.idle().await;
    assert_eq!(ledger.of(7), [2, 3, 4]);

    // A shutdown does not wait for what waits, and reports it.
    ledger.refuse([5]);
    for number in 5..=7 {
        book(&app, 7, number).await;
        app.settled().await;
    }
    let waiting = publish(8);
    while ledger_of.status().waiting_publishers == 0 {
        tokio::task::yield_now().await;
    }
    let report = app.shutdown(Duration::from_hours(1)).await;
    let unfinished: Vec<_> = report.unfinished().iter().map(ToString::to_string).collect();
    assert_eq!(unfinished.len(), 2, "{report}");
    assert!(unfinished.iter().all(|it| it.ends_with("for ledger: queued")), "{report}");
    assert_eq!(report.dead_letters(), 1);
    assert!(matches!(waiting.await.expect("no panic"), Err(PublishError::ShutDown { .. })));
}

#[tokio::test]
async fn a_dead_letter_that_is_dropped_because_there_are_too_many_lets_its_key_go_on() {
    let ledger = Ledger::default();
    ledger.refuse([1]);
    let builder = bare().dead_letter_capacity(1);
    let app = TestApp::from_builder(builder).register(ledger.handler("ledger", BLOCK));
    let app = app.build().expect("wired");
    book(&app, 7, 1).await;
    book(&app, 7, 2).await;
    app.settled().await;
    assert_eq!(ledger.of(7), [0; 0]);
    book(&app, 8, 1).await;
    app.settled().await;
    assert_eq!(ledger.of(7), [2]);
    assert_eq!((only_letter(&app).await.blocks_key, app.operations().dropped()), (true, 1));
}

#[tokio::test]
async fn in_memory_a_dead_letter_that_blocks_its_key_can_be_edited_and_with_a_store_it_cannot() {
    for (builder, can_be_edited) in builders().into_iter().zip([true, false]) {
        let ledger = Ledger::default();
        ledger.refuse([1]);
        let app = TestApp::from_builder(builder).register(ledger.handler("ledger", BLOCK));
        let app = app.build().expect("wired");
        book(&app, 7, 1).await;
        book(&app, 7, 3).await;
        app.settled().await;
        let (operations, operator) = (app.operations(), Context::system());
        let letter = only_letter(&app).await;
        let edited =
            operations.redeliver_edited(&operator, letter.id, &json!({ "number": 2 })).await;
        if can_be_edited {
            edited.expect("it is there");
            app.idle().await;
            assert_eq!(ledger.of(7), [2, 3]);
        } else {
            let error = edited.expect_err("it keeps its place");
            assert!(matches!(error, OperationError::BlocksKey(_)), "{error}");
            assert!(only_letter(&app).await.blocks_key);
        }
    }
}

#[test]
fn to_block_keys_without_an_order_is_reported() {
    let without_order = HandlerOptions::DEFAULT.order(Order::None);
    let settings = || -> HandlerSettings {
        serde_json::from_str(r#"{ "ledger": { "dead_letters": "block" } }"#)
            .expect("valid settings")
    };
    let build = |builder: AppBuilder, options| {
        builder.register(Ledger::default().handler("ledger", options)).build()
    };
    for error in [
        build(bare(), without_order.dead_letters(DeadLetters::Block)),
        build(bare().settings(settings()), without_order),
    ] {
        let error = error.expect_err("a contradiction");
        let [problem] = error.problems() else { panic!("{error}") };
        assert_eq!(problem.kind(), ProblemKind::WrongSetting);
        assert!(error.to_string().contains("handler `ledger`"), "{error}");
        assert!(error.to_string().contains("has no order"), "{error}");
    }
    assert!(build(bare().settings(settings()), HandlerOptions::DEFAULT).is_ok());
    // The application's default is for those that have an order.
    assert!(build(bare().defaults(BLOCK), without_order).is_ok());
}
