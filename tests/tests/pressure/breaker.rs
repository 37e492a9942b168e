//! `breaker(failures = 3, cooldown = "30s")`.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cqrs_core::handler::BreakerPolicy;
use cqrs_core::lane::BreakerState;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};

use crate::{Log, OrderPlaced, builder, dead_letters, everybody_waits, tenant};

const COOLDOWN: Duration = Duration::from_secs(30);

/// A mail server that is down until it is mended.
#[derive(Clone)]
struct MailServer {
    log: Log<u32>,
    is_up: Arc<AtomicBool>,
}

impl MailServer {
    fn down() -> Self {
        Self { log: Log::new(), is_up: Arc::default() }
    }

    fn send(&self, number: u32) -> HandlerResult {
        self.log.add(number);
        if self.is_up.load(SeqCst) { Ok(()) } else { Err(HandlerError::msg("down")) }
    }
}

fn app(concurrency: usize) -> (App, MailServer) {
    let server = MailServer::down();
    let mail = server.clone();
    let handler = Handler::event_fn("mail", move |event: Published<OrderPlaced>, _| {
        let sent = mail.send(event.number);
        async { sent }
    });
    let retry = RetryPolicy::exponential(3, Duration::from_millis(1), Duration::from_millis(1));
    let options = HandlerOptions::DEFAULT.retry(retry).concurrency(concurrency);
    let handler = handler.options(options.breaker(BreakerPolicy::new(3, COOLDOWN)));
    (builder().register(handler).build().expect("wired"), server)
}

async fn publish(app: &App, count: u32) {
    for number in 0..count {
        app.events().publish(&tenant("acme"), OrderPlaced { number }).await.expect("accepted");
    }
}

fn breaker(app: &App) -> BreakerState {
    let status = app.handler("mail").expect("there is one").status();
    status.breaker.expect("it has one")
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_three_failures_and_one_attempt_after_the_cooldown_decides() {
    let (app, server) = app(1);
    publish(&app, 10).await;
    assert_eq!(breaker(&app), BreakerState::Closed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(breaker(&app), BreakerState::Open);
    assert_eq!(server.log.entries(), [0, 1, 2]);

    tokio::time::sleep(COOLDOWN).await;
    assert_eq!(server.log.entries().len(), 4, "one attempt, which failed");
    assert_eq!(breaker(&app), BreakerState::Open);

    server.is_up.store(true, SeqCst);
    app.idle().await;
    assert_eq!(breaker(&app), BreakerState::Closed);
    assert_eq!(server.log.entries().len(), 14, "each of the ten, and four that had failed");
    let (last, _) = server.log.timed()[13];
    assert!(last < Duration::from_secs(61), "all of them at once after the second cooldown");
    assert!(dead_letters(&app).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_wait_for_it_keep_their_attempts() {
    let (app, server) = app(8);
    publish(&app, 100).await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    // Eight ran when it opened, and one of a hundred was tried after each cooldown.
    let attempts = server.log.entries().len();
    assert!((20..=30).contains(&attempts), "{attempts} attempts in ten minutes");
    assert!(dead_letters(&app).await.is_empty(), "three attempts each would have killed a hundred");
    server.is_up.store(true, SeqCst);
    app.idle().await;
    assert!(dead_letters(&app).await.is_empty());
    assert_eq!(app.handler("mail").expect("there is one").status().queued, 0);
}

#[tokio::test(start_paused = true)]
async fn a_success_in_between_keeps_it_closed() {
    let handler = Handler::event_fn("mail", |event: Published<OrderPlaced>, _| async move {
        if event.number % 3 == 2 { Ok(()) } else { Err(HandlerError::msg("refused").permanent()) }
    });
    let options = HandlerOptions::DEFAULT.concurrency(1);
    let handler = handler.options(options.breaker(BreakerPolicy::new(3, COOLDOWN)));
    let app = builder().register(handler).build().expect("wired");
    publish(&app, 30).await;
    everybody_waits().await;
    assert_eq!(dead_letters(&app).await.len(), 20);
    assert_eq!(breaker(&app), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_reports_what_an_open_breaker_holds_at_its_deadline() {
    let (app, _) = app(1);
    publish(&app, 5).await;
    everybody_waits().await;
    let report = app.shutdown(Duration::from_secs(10)).await;
    assert_eq!(report.unfinished().len(), 5);
}

#[events_handler(
    OrderPlaced,
    retry(attempts = 2, backoff = "1ms", max = "1ms"),
    breaker(failures = 1, cooldown = "1m"),
    concurrency = 1
)]
struct MailOrRest {
    server: MailServer,
}

impl EventHandler<OrderPlaced> for MailOrRest {
    async fn handle(&self, event: &OrderPlaced, _: &Context) -> HandlerResult {
        self.server.send(event.number)
    }
}

#[tokio::test(start_paused = true)]
async fn the_annotation_sets_it() {
    let server = MailServer::down();
    let app = TestApp::builder().only::<MailOrRest>().provide(server.clone());
    let app = app.build().expect("wired");
    app.expect_failures();
    publish(&app, 1).await;
    app.settled().await;
    assert_eq!(server.log.milliseconds(), [0, 60_000]);
    assert_eq!(dead_letters(&app).await.len(), 1);
}

/// What a handler makes of each event, for a breaker that opens after two failures.
async fn state_after(policy: BreakerPolicy, fail: fn() -> HandlerError) -> BreakerState {
    let handler =
        Handler::event_fn("mail", move |_: Published<OrderPlaced>, _| async move { Err(fail()) });
    let options = HandlerOptions::DEFAULT.retry(RetryPolicy::none()).concurrency(1);
    let app = builder().register(handler.options(options.breaker(policy)));
    let app = app.build().expect("wired");
    publish(&app, 3).await;
    everybody_waits().await;
    breaker(&app)
}

#[tokio::test(start_paused = true)]
async fn it_counts_errors_of_the_handler_and_permanent_ones_only_if_it_is_told_to() {
    let policy = BreakerPolicy::new(2, COOLDOWN);
    let permanent = || HandlerError::msg("a bad address").permanent();
    let temporary = || HandlerError::msg("down");
    assert_eq!(state_after(policy, temporary).await, BreakerState::Open);
    assert_eq!(state_after(policy, permanent).await, BreakerState::Closed);
    assert_eq!(state_after(policy.counting_all(), permanent).await, BreakerState::Open);
}

struct Refuse;

impl cqrs_core::middleware::Middleware for Refuse {
    async fn handle(
        &self,
        _: &mut cqrs_core::middleware::Call<'_>,
        _: cqrs_core::middleware::Next<'_>,
    ) -> cqrs_core::middleware::Outcome {
        Err(cqrs_core::middleware::Rejection::unavailable("maintenance").into())
    }
}

#[tokio::test(start_paused = true)]
async fn it_does_not_count_refusals_by_middleware() {
    for (counts_all, expected) in [(false, BreakerState::Closed), (true, BreakerState::Open)] {
        let policy = BreakerPolicy::new(2, COOLDOWN);
        let policy = if counts_all { policy.counting_all() } else { policy };
        let handler = Handler::event_fn("mail", |_: Published<OrderPlaced>, _| async { Ok(()) });
        let options = HandlerOptions::DEFAULT.retry(RetryPolicy::none()).breaker(policy);
        let app = builder().middleware(Refuse).register(handler.options(options));
        let app = app.build().expect("wired");
        publish(&app, 3).await;
        everybody_waits().await;
        assert_eq!(breaker(&app), expected);
    }
}
