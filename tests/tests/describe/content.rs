//! What a description says about an application.

use std::time::Duration;

use cqrs_core::describe::{Description, Format};
use cqrs_core::handler::{BreakerPolicy, Order, Start};
use cqrs_core::message::MessageKind;
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::testing::TestApp;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy, modules};
use cqrs_tests::ledger::{Ledger, LedgerTransaction};

use super::shop::{self, audit, mail, orders};

fn names<T>(parts: &[T], name: impl Fn(&T) -> &String) -> Vec<&str> {
    parts.iter().map(|part| name(part).as_str()).collect()
}

#[test]
fn everything_is_there_and_sorted_by_name() {
    let description = shop::app().build().expect("wired").describe();
    assert_eq!(
        names(&description.messages, |it| &it.name),
        ["find.order", "legacy.happened", "order.archived", "order.placed", "place.order"]
    );
    assert_eq!(
        names(&description.handlers, |it| &it.name),
        [
            "count-legacy",
            "find-order-handler",
            "index-orders",
            "place-order-handler",
            "thank-customer",
            "trace"
        ]
    );
    assert_eq!(names(&description.services, |it| &it.type_name), ["OrdersInMemory"]);
    assert_eq!(names(&description.provided, |it| &it.type_name), ["Arc<dyn Mailer>", "String"]);
    assert_eq!(
        names(&description.modules, |it| &it.path),
        ["describe::shop::audit", "describe::shop::mail", "describe::shop::orders"]
    );
    assert!(description.modules.iter().all(|module| module.named));
}

#[test]
fn places_are_those_of_the_annotations() {
    let description = shop::app().build().expect("wired").describe();
    let source = include_str!("shop.rs");
    let line = |line: u32| source.lines().nth(line as usize - 1).expect("it is in the file").trim();

    let handler = description.handlers.iter().find(|it| it.name == "trace").expect("it is there");
    assert!(handler.declared.file.ends_with("describe/shop.rs"), "{}", handler.declared);
    assert_eq!(handler.declared.module.as_deref(), Some("describe::shop::audit"));
    assert_eq!(line(handler.declared.line), "#[events_handler(*, retry = none)]");

    let by_hand = description.handlers.iter().find(|it| it.name == "index-orders");
    let by_hand = &by_hand.expect("it is there").declared;
    assert_eq!(by_hand.module, None);
    assert!(line(by_hand.line).contains("Handler::event_fn(\"index-orders\""), "{by_hand}");
}

#[test]
fn events_without_a_handler_are_counted() {
    let description = shop::app().build().expect("wired").describe();
    let unhandled: Vec<_> = description.unhandled_events().map(|it| it.name.as_str()).collect();
    assert_eq!(unhandled, ["order.archived"], "a handler of every event does not count");
    assert!(description.summary().contains("3 events (1 without a handler)"));
}

#[test]
fn a_service_is_not_listed_as_what_a_value_is_provided_for() {
    struct Fake;
    impl orders::Orders for Fake {}

    let orders: Arc<dyn orders::Orders> = Arc::new(Fake);
    let description = shop::app().provide(orders).build().expect("wired").describe();
    let service = &description.services[0];
    assert_eq!(service.offered_as, ["Arc<OrdersInMemory>"], "as a trait object, the fake is taken");
    assert!(description.provided.iter().any(|value| value.type_name == "Arc<dyn Orders>"));
}

#[test]
fn what_is_left_out_is_not_listed_but_a_message_from_there_that_is_handled_is() {
    let app = App::builder()
        .only(modules![super::shop::mail])
        .provide::<Arc<dyn mail::Mailer>>(Arc::new(mail::Smtp { _password: String::new() }))
        .provide_named("sender", String::new())
        .build();
    let description = app.expect("wired").describe();
    assert_eq!(names(&description.handlers, |it| &it.name), ["thank-customer"]);
    assert_eq!(names(&description.messages, |it| &it.name), ["order.placed"]);
    let declared = description.messages[0].declared.as_ref().expect("it is derived");
    assert_eq!(declared.module.as_deref(), Some("describe::shop::orders"));
    let modules: Vec<_> =
        description.modules.iter().map(|it| (it.path.as_str(), it.named)).collect();
    assert_eq!(modules, [("describe::shop::mail", true), ("describe::shop::orders", false)]);
}

#[test]
fn the_order_of_registration_changes_nothing() {
    let handler =
        |name: &'static str| Handler::events(name, audit::CountLegacy).on::<audit::Legacy>();
    let described = |names: [&'static str; 2]| {
        let app = App::builder().only(modules![super::shop::audit]);
        let app = names.into_iter().fold(app, |app, name| app.register(handler(name)));
        app.build().expect("wired").describe()
    };
    assert_eq!(described(["a", "b"]), described(["b", "a"]));
}

#[test]
fn options_at_their_limits_are_kept() {
    let options = HandlerOptions::DEFAULT
        .retry(RetryPolicy::exponential(u32::MAX, Duration::from_nanos(1), Duration::MAX))
        .timeout(Some(Duration::MAX))
        .concurrency(1);
    let handler = Handler::events("limits", audit::CountLegacy).on::<audit::Legacy>();
    let app = App::builder().only(modules![super::shop::audit]).register(handler.options(options));
    let description = app.build().expect("wired").describe();

    let read: Description =
        serde_json::from_str(&description.render(Format::Json)).expect("it is JSON");
    assert_eq!(read, description);
    let retry = read.handlers[0].options.retry.as_ref().expect("it handles events");
    assert_eq!(*retry, RetryPolicy::exponential(u32::MAX, Duration::from_nanos(1), Duration::MAX));
    assert!(description.render(Format::Markdown).contains("back-off 1ns to "));
}

#[test]
fn order_and_what_a_breaker_counts_are_shown_if_they_are_not_the_default() {
    let page = |options: HandlerOptions| {
        let handler = Handler::events("h", audit::CountLegacy).on::<audit::Legacy>();
        let app = App::builder().bare().register(handler.options(options));
        app.build().expect("wired").describe().render(Format::Markdown)
    };
    let breaker = BreakerPolicy::new(3, Duration::from_mins(1));
    let options = HandlerOptions::DEFAULT.breaker(breaker);
    assert!(page(options).contains("concurrency 8, breaker after 3 failures for 1m\n"));

    let options = options.breaker(breaker.counting_all());
    let tenant = page(options.order(Order::Tenant));
    let shown = "concurrency 8, order `tenant`, breaker after 3 failures for 1m, count `all`\n";
    assert!(tenant.contains(shown), "{tenant}");
    let none = page(options.order(Order::None));
    assert!(none.contains("order `none`"), "{none}");
}

#[test]
fn what_matters_with_a_store_is_shown_if_it_is_not_the_default() {
    struct CountInTransaction;
    impl TransactionalEventHandler<audit::Legacy> for CountInTransaction {
        type Transaction = LedgerTransaction;

        async fn handle(
            &self,
            _: &audit::Legacy,
            _: &mut LedgerTransaction,
            _: &Context,
        ) -> HandlerResult {
            Ok(())
        }
    }

    let page = |handler: HandlerRegistration| {
        let app = App::builder().bare().store(Ledger::default()).register(handler);
        let description = app.build().expect("wired").describe();
        let json = description.render(Format::Json);
        assert_eq!(serde_json::from_str::<Description>(&json).expect("it is JSON"), description);
        description.render(Format::Markdown)
    };
    let with = |options: HandlerOptions| {
        page(Handler::events("h", audit::CountLegacy).on::<audit::Legacy>().options(options).into())
    };
    let start = with(HandlerOptions::DEFAULT.start(Start::Beginning));
    assert!(start.contains("concurrency 8, start `beginning`\n"), "{start}");
    let transient = with(HandlerOptions::DEFAULT.transient());
    assert!(transient.contains("concurrency 8, transient\n"), "{transient}");
    let now = with(HandlerOptions::DEFAULT.start(Start::Now));
    assert!(now.contains("concurrency 8\n"), "{now}");

    let handler = Handler::transactional_events("h", CountInTransaction).on::<audit::Legacy>();
    let transactional = page(handler.into());
    assert!(transactional.contains("concurrency 8, transactional\n"), "{transactional}");
}

#[test]
fn an_application_of_nothing_is_described_as_such() {
    let description = Description::default();
    assert_eq!(
        description.summary(),
        "0 commands, 0 events, 0 queries, 0 handlers, 0 services, 0 provided values, 0 modules"
    );
    assert!(description.render(Format::Mermaid).starts_with("flowchart LR\n"));
}

#[test]
fn an_application_under_test_is_described_as_it_runs_there() {
    let app = TestApp::from_builder(shop::app()).only::<audit::Trace>().build().expect("wired");
    let description = app.describe();
    let kinds: Vec<_> = description.handlers.iter().map(|it| it.kind).collect();
    assert_eq!(
        names(&description.handlers, |it| &it.name),
        ["count-legacy", "index-orders", "trace"]
    );
    assert_eq!(kinds, [MessageKind::Event; 3]);
    assert!(description.services.is_empty(), "only what they need is built");
}
