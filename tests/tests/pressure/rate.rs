//! `rate = "10/s"`.

use cqrs_core::app::Unfinished;
use cqrs_core::handler::RateLimit;
use cqrs_core::lane::DeliveryState;
use cqrs_core::prelude::*;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};

use crate::{Log, ONCE, OrderPlaced, builder, everybody_waits, tenant};

/// Fails the first attempt at each odd number.
fn app(options: HandlerOptions) -> (App, Log<u32>) {
    let log = Log::new();
    let seen = log.clone();
    let handler = Handler::event_fn("call", move |event: Published<OrderPlaced>, ctx: Context| {
        seen.add(event.number);
        let fails = event.number % 2 == 1 && ctx.attempt() == 1;
        async move { if fails { Err(HandlerError::msg("busy")) } else { Ok(()) } }
    });
    let app = builder().register(handler.options(options)).build().expect("wired");
    (app, log)
}

async fn publish(app: &App, numbers: impl Iterator<Item = u32>) {
    for number in numbers {
        app.events().publish(&tenant("acme"), OrderPlaced { number }).await.expect("accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_begin_evenly_spaced_however_many_workers_there_are() {
    for concurrency in [1, 8] {
        let (app, log) = app(ONCE.concurrency(concurrency).rate(RateLimit::per_second(10)));
        publish(&app, (0..25).map(|number| number * 2)).await;
        app.idle().await;
        let expected: Vec<_> = (0..25).map(|number| number * 100).collect();
        assert_eq!(log.milliseconds(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_an_attempt() {
    let retry = RetryPolicy::exponential(2, Duration::from_millis(1), Duration::from_millis(1));
    let (app, log) = app(HandlerOptions::DEFAULT.retry(retry).rate(RateLimit::per_minute(60)));
    publish(&app, 0..10).await;
    app.idle().await;
    let expected: Vec<_> = (0..15).map(|number| number * 1000).collect();
    assert_eq!(log.milliseconds(), expected, "ten attempts, and five again");
}

#[tokio::test(start_paused = true)]
async fn workers_that_are_free_take_part() {
    // Each attempt takes four times as long as the space between two.
    let log = Log::new();
    let seen = log.clone();
    let handler = Handler::event_fn("call", move |_: Published<OrderPlaced>, _| {
        seen.add(());
        async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            Ok(())
        }
    });
    let options = ONCE.concurrency(8).rate(RateLimit::per_second(10));
    let app = builder().register(handler.options(options)).build().expect("wired");
    publish(&app, 0..20).await;
    app.idle().await;
    let expected: Vec<_> = (0..20).map(|number| number * 100).collect();
    assert_eq!(log.milliseconds(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_has_to_wait_is_queued_and_a_shutdown_reports_it_so() {
    let (app, log) = app(ONCE.rate(RateLimit::per_minute(6)));
    publish(&app, (0..10).map(|number| number * 2)).await;
    everybody_waits().await;
    assert_eq!(app.handler("call").expect("there is one").status().queued, 9);
    let report = app.shutdown(Duration::from_secs(35)).await;
    assert_eq!(log.entries().len(), 4, "at 0, 10, 20 and 30 seconds");
    assert_eq!(report.unfinished().len(), 6);
    for unfinished in report.unfinished() {
        let is_queued = matches!(
            unfinished,
            Unfinished::Delivery { state: DeliveryState::Queued, failed_attempts: 0, .. }
        );
        assert!(is_queued, "{unfinished}");
    }
}

#[events_handler(OrderPlaced, rate = "2/s", retry = none)]
struct CallTwiceASecond {
    log: Arc<Log<u32>>,
}

impl EventHandler<OrderPlaced> for CallTwiceASecond {
    async fn handle(&self, event: &OrderPlaced, _: &Context) -> HandlerResult {
        self.log.add(event.number);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_annotation_sets_it() {
    use cqrs_core::testing::TestApp;
    let log = Arc::new(Log::<u32>::new());
    let app = TestApp::builder().only::<CallTwiceASecond>().provide(Arc::clone(&log));
    let app = app.build().expect("wired");
    publish(&app, 0..4).await;
    app.settled().await;
    assert_eq!(log.milliseconds(), [0, 500, 1000, 1500]);
}
