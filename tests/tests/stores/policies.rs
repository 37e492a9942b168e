//! Options of handlers for deliveries that are late or fail for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::handler::{DeadLetters, HandlerOptions};
use cqrs_core::operations::DeliveryFilter;
use cqrs_core::{Handler, HandlerError, Published, RetryPolicy};
use jiff::Timestamp;

use crate::applications::{Counted, Seen, app, idle, noting, publish, stop};
use crate::harness::Harness;
use crate::operations::{failed, operator, refusing};

const DISCARD: HandlerOptions = HandlerOptions::DEFAULT.dead_letters(DeadLetters::Discard);

pub(crate) async fn a_discarded_delivery_leaves_no_dead_letter_and_does_not_come_again(
    harness: impl Harness,
) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let handler =
        || refusing("refusing", &seen, &heals).options(DISCARD.retry(RetryPolicy::none()));
    let first = app(harness.another().await, [handler()]).await;
    for number in [1, 2, 3, 4] {
        publish(&first, 1, number).await;
    }
    idle(&first).await;
    assert_eq!(seen.by_counter()[&1], [2, 4]);
    assert_eq!(failed(&first, DeliveryFilter::all()).await.len(), 0);
    stop(first).await;

    heals.store(true, SeqCst);
    let second = app(harness.another().await, [handler()]).await;
    publish(&second, 1, 5).await;
    idle(&second).await;
    assert_eq!(seen.by_counter()[&1], [2, 4, 5]);
    stop(second).await;
}

pub(crate) async fn an_event_that_expires_while_its_handler_is_paused_is_not_attempted(
    harness: impl Harness,
) {
    let (seen, limit) = (Seen::default(), Duration::from_millis(100));
    let handler = noting("late", &seen).options(HandlerOptions::DEFAULT.deliver_within(limit));
    let app = app(harness.another().await, [handler]).await;
    app.operations().pause(&operator(), "late").await.unwrap();
    publish(&app, 1, 1).await;
    is_older_than(Timestamp::now(), limit).await;
    app.operations().resume(&operator(), "late").await.unwrap();
    idle(&app).await;
    assert_eq!(seen.len(), 0);
    let dead = failed(&app, DeliveryFilter::all()).await;
    assert_eq!((dead.len(), dead[0].attempts), (1, 0));
    assert!(dead[0].error.starts_with("expired: the event is "), "{}", dead[0].error);

    // It expires again.
    app.operations().redeliver(&operator(), dead[0].id).await.unwrap();
    idle(&app).await;
    let again = failed(&app, DeliveryFilter::all()).await;
    assert_eq!((again.len(), again[0].attempts, seen.len()), (1, 0, 0));
    assert_ne!(again[0].id, dead[0].id);
    stop(app).await;
}

pub(crate) async fn an_event_that_expires_before_another_attempt_is_discarded(
    harness: impl Harness,
) {
    let (limit, attempts) = (Duration::from_millis(500), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&attempts);
    let handler = Handler::event_fn("late", move |event: Published<Counted>, _| {
        count.fetch_add(1, SeqCst);
        async move {
            is_older_than(event.as_any().occurred_at(), limit).await;
            Err(HandlerError::msg("not yet"))
        }
    });
    let retry = RetryPolicy::waits(&[Duration::from_millis(1); 9]);
    let handler = handler.options(DISCARD.retry(retry).deliver_within(limit));
    let app = app(harness.another().await, [handler]).await;
    publish(&app, 1, 1).await;
    idle(&app).await;
    assert!(attempts.load(SeqCst) <= 1, "{attempts:?}");
    assert_eq!(failed(&app, DeliveryFilter::all()).await.len(), 0);
    stop(app).await;
}

/// Returns when what happened at `time` is older than this, by the wall clock.
async fn is_older_than(time: Timestamp, age: Duration) {
    while Timestamp::now().duration_since(time).unsigned_abs() <= age {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
