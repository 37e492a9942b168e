//! Counters, histograms and gauges, by names that dashboards are built on.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use cqrs_core::log::{Edit, Maintenance as _, MemoryStore, ResetTo, StoreError};
use cqrs_core::prelude::*;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};
use cqrs_tests::intercepted::{Call, Intercepted, Interceptor};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::alone;
use crate::shop::{AskNobody, EMAIL, OrderPlaced, PlaceOrder, Stumbled, acme, shop};

/// Every metric as `name{label=value,..}`, in the order of its labels' names; of a histogram, how many
/// values it has.
fn snapshot(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    let metrics = metrics.map(|(key, _, _, value)| {
        let key = key.key();
        let mut labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort();
        let value = match value {
            DebugValue::Counter(count) => f64::from(u32::try_from(count).expect("few")),
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(values) => f64::from(u32::try_from(values.len()).expect("few")),
        };
        (format!("{}{{{}}}", key.name(), labels.join(",")), value)
    });
    metrics.collect()
}

#[tokio::test(start_paused = true)]
async fn everything_that_happens_is_counted() {
    let _alone = alone();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let app = shop().allow_failures().build().expect("wired");

    app.execute(&acme(), PlaceOrder).await.expect("placed");
    app.query(&acme(), AskNobody).await.expect_err("nobody is there");
    for how in ["panicking", "sleeping"] {
        app.publish(&acme(), Stumbled { how: how.to_owned() }).await.expect("accepted");
    }
    let large = OrderPlaced { order_id: Uuid::now_v7(), email: "x".repeat(100_000) };
    app.publish(&acme(), large).await.expect_err("too large");
    app.settled().await;
    app.sample_metrics();

    let metrics = snapshot(&snapshotter);
    let expected = [
        ("cqrs_published_total{event=order.placed,outcome=ok}", 1.0),
        ("cqrs_published_total{event=order.placed,outcome=too_large}", 1.0),
        ("cqrs_published_total{event=delivery.planned,outcome=ok}", 1.0),
        ("cqrs_published_total{event=stumbled,outcome=ok}", 2.0),
        ("cqrs_execution_duration_seconds{kind=command,message=place.order,outcome=ok}", 1.0),
        ("cqrs_execution_duration_seconds{kind=query,message=ask.nobody,outcome=failed}", 1.0),
        ("cqrs_delivery_attempts_total{handler=confirm-order,outcome=failed}", 1.0),
        ("cqrs_delivery_attempts_total{handler=confirm-order,outcome=ok}", 1.0),
        ("cqrs_delivery_attempts_total{handler=stumble,outcome=panicked}", 1.0),
        ("cqrs_delivery_attempts_total{handler=stumble,outcome=timed_out}", 1.0),
        ("cqrs_delivery_duration_seconds{handler=confirm-order}", 2.0),
        ("cqrs_retries_total{handler=confirm-order}", 1.0),
        ("cqrs_dead_lettered_total{handler=stumble}", 2.0),
        ("cqrs_dead_letters{handler=stumble}", 2.0),
        ("cqrs_dead_letters{handler=confirm-order}", 0.0),
        ("cqrs_in_flight{handler=place-order-handler}", 0.0),
        ("cqrs_in_flight{handler=stumble}", 0.0),
        ("cqrs_queue_depth{handler=stumble}", 0.0),
        ("cqrs_oldest_waiting_seconds{handler=stumble}", 0.0),
    ];
    for (name, value) in expected {
        assert_eq!(metrics.get(name), Some(&value), "{name} in {metrics:#?}");
    }
    let names = format!("{metrics:?}");
    for value in ["acme", EMAIL] {
        assert!(!names.contains(value), "labels are bounded by the code: {value} in {names}");
    }
}

#[tokio::test(start_paused = true)]
async fn gauges_show_what_waits_and_what_runs_without_being_asked() {
    let _alone = alone();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let wait = cqrs_core::Handler::event_fn("wait", move |_: Published<OrderPlaced>, _| {
        let opened = Arc::clone(&opened);
        async move {
            drop(opened.acquire().await);
            Ok(())
        }
    });
    let app = App::builder().only(cqrs_core::modules![crate::shop]).register(wait);
    let app = app.build().expect("wired");
    let order_id = Uuid::now_v7();
    for _ in 0..3 {
        let event = OrderPlaced { order_id, email: EMAIL.to_owned() };
        app.events().publish(&acme(), event).await.expect("accepted");
    }
    tokio::time::sleep(Duration::from_secs(6)).await;

    let metrics = snapshot(&snapshotter);
    assert_eq!(
        metrics.get("cqrs_in_flight{handler=wait}"),
        Some(&1.0),
        "one at a time for one order"
    );
    assert_eq!(metrics.get("cqrs_queue_depth{handler=wait}"), Some(&2.0));
    assert!(metrics["cqrs_oldest_waiting_seconds{handler=wait}"] >= 0.0);

    gate.close();
    assert!(app.shutdown(Duration::from_secs(30)).await.is_clean());
    tokio::task::yield_now().await;
    let metrics = snapshot(&snapshotter);
    assert_eq!(
        metrics.get("cqrs_in_flight{handler=wait}"),
        Some(&-1.0),
        "each snapshot begins anew"
    );
    assert_eq!(metrics.get("cqrs_queue_depth{handler=wait}"), Some(&0.0));
}

/// A store whose calls of these functions fail.
#[derive(Debug, Default)]
struct Failing(Mutex<HashSet<Call>>);

impl Failing {
    fn set(&self, calls: impl IntoIterator<Item = Call>) {
        *self.0.lock().expect("no panic") = calls.into_iter().collect();
    }
}

impl Interceptor for Failing {
    async fn before(&self, call: Call) -> Result<(), StoreError> {
        if self.0.lock().expect("no panic").contains(&call) {
            return Err(StoreError::Unavailable("switched off".into()));
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn appends_and_subscriptions_of_a_log_are_measured() {
    let _alone = alone();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let store = Arc::new(Intercepted::new(Arc::new(MemoryStore::new()), Failing::default()));
    let confirm = Handler::event_fn("confirm", |event: Published<OrderPlaced>, _| async move {
        if event.email.is_empty() { Err(HandlerError::msg("no address")) } else { Ok(()) }
    });
    let retry = RetryPolicy::exponential(2, Duration::from_hours(1), Duration::from_hours(1));
    let confirm = confirm.options(HandlerOptions::DEFAULT.retry(retry));
    let app = App::builder().bare().shared_store(store.clone()).register(confirm);
    let app = app.build().expect("wired");
    app.start().await.expect("the store answers");

    let order = |email: &str| OrderPlaced { order_id: Uuid::now_v7(), email: email.to_owned() };
    let orders = [order(""), order(EMAIL), order(EMAIL)];
    app.events().publish_all(&acme(), orders).await.expect("accepted");
    store.set([Call::Append]);
    let hurried = acme().with_timeout(Duration::from_millis(10));
    app.events().publish(&hurried, order(EMAIL)).await.expect_err("the store is away");
    store.set([]);
    // The second sample: checkpoints of shards without events move every 5 seconds.
    tokio::time::sleep(Duration::from_secs(11)).await;

    let metrics = snapshot(&snapshotter);
    let expected = [
        ("cqrs_append_duration_seconds{outcome=ok}", 1.0),
        // At once, and again after a wait, at the end of which the deadline has passed.
        ("cqrs_append_duration_seconds{outcome=unavailable}", 2.0),
        ("cqrs_append_events{}", 1.0),
        ("cqrs_parked{handler=confirm}", 1.0),
        ("cqrs_leases_taken_total{}", 16.0),
    ];
    for (name, value) in expected {
        assert_eq!(metrics.get(name), Some(&value), "{name} in {metrics:#?}");
    }
    assert!(metrics["cqrs_lag_seconds{handler=confirm}"] < 5.0, "it has passed all: {metrics:#?}");
    assert!(metrics["cqrs_checkpoint_age_seconds{}"] < 1.0, "{metrics:#?}");

    // A change that takes all shards away from their owner, while no progress can be saved.
    store.set([Call::Save]);
    let end = ResetTo::End;
    store.edit(&Edit::Reset { handler: "confirm", to: end }).await.expect("the store answers");
    app.events().publish(&acme(), order(EMAIL)).await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(11)).await;
    let metrics = snapshot(&snapshotter);
    assert_eq!(metrics.get("cqrs_leases_lost_total{}"), Some(&16.0), "{metrics:#?}");
    assert_eq!(metrics.get("cqrs_leases_taken_total{}"), Some(&16.0), "{metrics:#?}");
    assert!(metrics["cqrs_checkpoint_age_seconds{}"] > 4.0, "{metrics:#?}");
    store.set([]);
    assert!(app.shutdown(Duration::from_secs(30)).await.is_clean());
}
