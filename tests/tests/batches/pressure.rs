//! Rate and circuit breaker count batches.

use cqrs_core::handler::{BreakerPolicy, RateLimit};
use cqrs_core::lane::BreakerState;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_batch_is_one_attempt_of_the_rate() {
    let seen = Seen::new();
    let log = seen.clone();
    let options = ONCE.rate(RateLimit::per_second(10));
    let app = app(handler(BatchPolicy::new(5), options, move |batch, _| {
        log.add(batch);
        Ok(())
    }));
    deliver(&app, 0..15).await;
    assert_eq!(seen.sizes(), [5, 5, 5]);
    let began: Vec<_> = seen.timed().into_iter().map(|(at, _)| at / 50).collect();
    assert_eq!(began, [0, 2, 4]);
}

fn breaker(app: &TestApp) -> BreakerState {
    app.handler(NAME).expect("there is one").status().breaker.expect("it has one")
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_all_fail_is_one_failure_of_the_breaker() {
    let options = ONCE.breaker(BreakerPolicy::new(2, Duration::from_secs(30)));
    let app = app(handler(BatchPolicy::new(5), options, |batch, _| {
        batch.iter().for_each(|item| item.fail(HandlerError::msg("down")));
        Ok(())
    }));
    app.expect_failures();
    deliver(&app, 0..5).await;
    assert_eq!(breaker(&app), BreakerState::Closed);
    deliver(&app, 5..10).await;
    assert_eq!(breaker(&app), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_some_fail_is_no_failure_of_the_breaker() {
    let options = ONCE.breaker(BreakerPolicy::new(1, Duration::from_secs(30)));
    let app = app(handler(BatchPolicy::new(5), options, |batch, _| {
        batch.iter().skip(1).for_each(|item| item.fail(HandlerError::msg("bad row")));
        Ok(())
    }));
    deliver(&app, 0..5).await;
    assert_eq!(app.dead_letters().await.len(), 4);
    assert_eq!(breaker(&app), BreakerState::Closed);
}
