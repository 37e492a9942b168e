//! Counters, histograms and gauges, by names that dashboards are built on.

use std::collections::BTreeMap;

use cqrs_core::prelude::*;
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
    let app = shop().build().expect("wired");

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
