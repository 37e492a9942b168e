//! One tenant's backlog, and the other tenants of its shard.

use std::sync::Arc;
use std::time::Duration;

use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{Handler, Published};
use tokio::sync::watch;

use crate::applications::{Counted, CountedTwice, Seen, builder, idle, started, stop, tenant};
use crate::harness::Harness;
use crate::support::eventually;

/// How many deliveries of a shard may be open.
const OPEN: usize = 20;

/// How many events the tenant has that floods.
const BACKLOG: u32 = 500;

/// So many tenants are in each shard beside the one that floods.
const OTHERS: u32 = 60;

/// A handler that is stuck at the first event of counter 0, until `is_open`.
fn stuck(seen: &Seen, is_open: &watch::Sender<bool>) -> HandlerRegistration {
    let (seen, is_open) = (seen.clone(), is_open.subscribe());
    Handler::event_fn("stuck", move |event: Published<Counted>, _| {
        let (seen, mut is_open) = (seen.clone(), is_open.clone());
        let (counter, number) = (event.counter, event.number);
        async move {
            if counter == 0 {
                is_open.wait_for(|is_open| *is_open).await.map_err(HandlerError::new)?;
            }
            seen.add(counter, number);
            Ok(())
        }
    })
}

async fn publish_backlog(app: &App) {
    for part in 0..BACKLOG / 100 {
        let backlog = (0..100).map(|number| Counted { counter: 0, number: part * 100 + number });
        app.events().publish_all(&tenant(0), backlog).await.unwrap();
    }
}

async fn publish_others(app: &App, number: u32) {
    for counter in 1..=OTHERS {
        app.events().publish(&tenant(counter), Counted { counter, number }).await.unwrap();
    }
}

async fn others_were_handled(seen: &Seen, events: u32) {
    let all = (OTHERS * events) as usize;
    eventually("the other tenants go on", async || seen.len() >= all).await;
    assert_eq!(seen.len(), all);
}

/// The events of each tenant once, in order.
fn check(seen: &Seen, backlog: u32, others: u32) {
    for (counter, numbers) in seen.by_counter() {
        let expected = if counter == 0 { backlog } else { others };
        assert_eq!(numbers, (0..expected).collect::<Vec<_>>(), "counter {counter}");
    }
}

pub(crate) async fn a_backlog_of_one_tenant_delays_no_other_tenant(harness: impl Harness) {
    let (seen, is_open) = (Seen::default(), watch::Sender::new(false));
    let handlers = [stuck(&seen, &is_open)];
    let app = started(builder(harness.another().await, handlers).queue_capacity(OPEN)).await;
    publish_backlog(&app).await;
    publish_others(&app, 0).await;
    others_were_handled(&seen, 1).await;
    publish_others(&app, 1).await;
    others_were_handled(&seen, 2).await;

    is_open.send_replace(true);
    idle(&app).await;
    check(&seen, BACKLOG, 2);
    app.events().publish(&tenant(0), Counted { counter: 0, number: BACKLOG }).await.unwrap();
    publish_others(&app, 2).await;
    idle(&app).await;
    check(&seen, BACKLOG + 1, 3);
    stop(app).await;
}

pub(crate) async fn a_backlog_from_before_the_start_delays_no_other_tenant(harness: impl Harness) {
    let (seen, is_open) = (Seen::default(), watch::Sender::new(false));
    let handlers = [stuck(&seen, &is_open)];
    let builder = builder(harness.another().await, handlers).queue_capacity(OPEN);
    let app = builder.build().unwrap();
    publish_backlog(&app).await;
    // More than the window holds.
    for _ in 0..20 {
        let unwanted = (0..500).map(|number| CountedTwice { counter: 0, number });
        app.events().publish_all(&tenant(0), unwanted).await.unwrap();
    }
    publish_others(&app, 0).await;
    app.start().await.unwrap();
    others_were_handled(&seen, 1).await;
    is_open.send_replace(true);
    idle(&app).await;
    check(&seen, BACKLOG, 1);
    stop(app).await;
}

pub(crate) async fn a_backlog_waits_across_a_restart_and_nothing_is_handled_twice(
    harness: impl Harness,
) {
    let store = harness.another().await;
    let (seen, is_open) = (Seen::default(), watch::Sender::new(false));
    let build =
        |is_open: &watch::Sender<bool>| builder(Arc::clone(&store), [stuck(&seen, is_open)]);
    let app = started(build(&is_open).queue_capacity(OPEN)).await;
    publish_backlog(&app).await;
    publish_others(&app, 0).await;
    others_were_handled(&seen, 1).await;
    // The attempt that is stuck ends with the application.
    let report = app.shutdown(Duration::from_millis(100)).await;
    assert!(!report.is_clean(), "{report}");

    let app = started(build(&is_open).queue_capacity(OPEN)).await;
    publish_others(&app, 1).await;
    others_were_handled(&seen, 2).await;
    is_open.send_replace(true);
    idle(&app).await;
    check(&seen, BACKLOG, 2);
    stop(app).await;
}
