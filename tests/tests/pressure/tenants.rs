//! Measured in deliveries, not in time: the count is the same on every machine.

use cqrs_core::Handler;
use cqrs_core::prelude::*;
use futures_util::FutureExt;

use crate::{Log, ONCE, OrderPlaced, builder, everybody_waits, tenant};

const WORKERS: usize = 4;

fn app(capacity: usize) -> (App, Log<String>) {
    let log = Log::new();
    let seen = log.clone();
    let handler = Handler::event_fn("pack", move |_: Published<OrderPlaced>, ctx: Context| {
        seen.add(ctx.tenant().to_string());
        async { Ok(()) }
    });
    let handler = handler.options(ONCE.concurrency(WORKERS));
    let app = builder().queue_capacity(capacity).register(handler).build().expect("wired");
    (app, log)
}

#[tokio::test(start_paused = true)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn behind_100_000_events_of_one_tenant_another_ones_waits_for_a_few_deliveries() {
    let (app, log) = app(200_000);
    let pack = app.handler("pack").expect("there is one");
    pack.pause();
    for number in 0..100_000 {
        app.events().publish(&tenant("flood"), OrderPlaced { number }).await.expect("accepted");
    }
    app.events().publish(&tenant("acme"), OrderPlaced { number: 0 }).await.expect("accepted");
    assert_eq!(pack.status().queued, 100_001);
    pack.resume();
    app.idle().await;

    let order = log.entries();
    assert_eq!(order.len(), 100_001);
    let before = order.iter().position(|tenant| tenant == "acme").expect("it was delivered");
    assert!(before <= 1 + WORKERS, "{before} deliveries came first");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_while_a_backlog_is_worked_off_waits_for_a_few_deliveries_too() {
    let (app, log) = app(200_000);
    for number in 0..10_000 {
        app.events().publish(&tenant("flood"), OrderPlaced { number }).await.expect("accepted");
        if number % 100 == 99 {
            let before = log.entries().len();
            app.events().publish(&tenant("acme"), OrderPlaced { number }).await.expect("accepted");
            while log.entries()[before..].iter().all(|tenant| tenant != "acme") {
                tokio::task::yield_now().await;
            }
            let order = log.entries();
            let waited = order[before..].iter().position(|tenant| tenant == "acme");
            assert!(waited <= Some(1 + WORKERS), "{waited:?} deliveries came first");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_tenants_publish_without_waiting_while_one_floods() {
    const CAPACITY: usize = 1024;
    let (app, log) = app(CAPACITY);
    let pack = app.handler("pack").expect("there is one");
    pack.pause();
    let flood: Vec<_> = (0..5_000)
        .map(|number| {
            let events = app.events().clone();
            tokio::spawn(
                async move { events.publish(&tenant("flood"), OrderPlaced { number }).await },
            )
        })
        .collect();
    everybody_waits().await;
    assert_eq!(pack.status().queued, CAPACITY);
    assert_eq!(pack.status().waiting_publishers, 5_000 - CAPACITY);

    // Nothing is delivered meanwhile, so they wait for nobody at all.
    for other in 1..1000 {
        let ctx = tenant(&format!("tenant-{other}"));
        let published = app.events().publish(&ctx, OrderPlaced { number: 1 }).now_or_never();
        published.expect("it does not wait").expect("accepted");
    }
    pack.resume();
    for publisher in flood {
        publisher.await.expect("no panic").expect("accepted");
    }
    app.idle().await;

    let order = log.entries();
    assert_eq!(order.len(), 5_999);
    let last = order.iter().rposition(|tenant| tenant != "flood").expect("there are many");
    assert!(last <= 1000 + WORKERS, "one of each tenant, and the last of them came as {last}");
}

#[tokio::test(start_paused = true)]
async fn waiting_publishers_are_let_in_tenant_by_tenant() {
    let (app, log) = app(2);
    let pack = app.handler("pack").expect("there is one");
    pack.pause();
    let publish = |tenant_name: &'static str, number| {
        let events = app.events().clone();
        tokio::spawn(async move {
            events.publish(&tenant(tenant_name), OrderPlaced { number }).await.expect("accepted");
        })
    };
    let mut publishers: Vec<_> = (0..1_000).map(|number| publish("flood", number)).collect();
    everybody_waits().await;
    publishers.extend((0..3).map(|number| publish("acme", number)));
    everybody_waits().await;
    pack.resume();
    for publisher in publishers {
        publisher.await.expect("no panic");
    }
    app.idle().await;
    let last = log.entries().iter().rposition(|tenant| tenant == "acme").expect("delivered");
    assert!(last <= 3 * (2 + WORKERS), "the third of `acme` came as {last} of 1,003");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_deliveries_wait_for_retries_keeps_nobody_out() {
    let log = Log::new();
    let seen = log.clone();
    let handler = Handler::event_fn("pack", move |_: Published<OrderPlaced>, ctx: Context| {
        let seen = seen.clone();
        async move {
            if ctx.tenant().to_string() == "broken" && ctx.attempt() == 1 {
                return Err(HandlerError::msg("no").retry_after(Duration::from_hours(1)));
            }
            seen.add(ctx.tenant().to_string());
            Ok(())
        }
    });
    let app = builder().queue_capacity(16).register(handler).build().expect("wired");
    for number in 0..16 {
        app.events().publish(&tenant("broken"), OrderPlaced { number }).await.expect("accepted");
    }
    everybody_waits().await;
    for number in 0..100 {
        app.events().publish(&tenant("acme"), OrderPlaced { number }).await.expect("accepted");
    }
    everybody_waits().await;
    assert_eq!(log.entries(), vec!["acme"; 100], "an hour earlier");
    assert_eq!(app.handler("pack").expect("there is one").status().retrying, 16);
}
