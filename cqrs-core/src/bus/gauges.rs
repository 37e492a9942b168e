//! What waits and what died, as gauges: sampled, since time alone changes them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::control::HandlerControl;
use super::feed::Route;
use super::letters::Letters;
use crate::lane::BreakerState;
use crate::observe::{self, Sample};
use crate::runtime::Lifecycle;

/// As often as a recorder is usually read.
const INTERVAL: Duration = Duration::from_secs(5);

/// Calls `sample` until the application stops, and once more then.
pub(super) async fn sample_regularly(lifecycle: Arc<Lifecycle>, sample: impl Fn()) {
    while !lifecycle.is_stopped() {
        sample();
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = lifecycle.stopped() => {}
        }
    }
    sample();
}

/// Sets the gauges of every handler.
pub(super) fn sample(lanes: &[Route], letters: &Letters) {
    let now = Timestamp::now();
    let dead_letters = letters.count_by_handler();
    for route in lanes {
        let status = HandlerControl::new(route).status();
        let waited = status.oldest_waiting.map(|oldest| now.duration_since(oldest));
        let oldest_waiting = waited.and_then(|waited| Duration::try_from(waited).ok());
        let sample = Sample {
            waiting: status.queued + status.retrying,
            oldest_waiting: oldest_waiting.unwrap_or_default(),
            dead_letters: dead_letters.get(&route.lane.name).copied().unwrap_or(0),
            breaker_open: status.breaker.map(|breaker| match breaker {
                BreakerState::Open => 1.0,
                BreakerState::HalfOpen => 0.5,
                BreakerState::Closed => 0.0,
            }),
        };
        observe::sample(&route.lane.name, &sample);
    }
}
