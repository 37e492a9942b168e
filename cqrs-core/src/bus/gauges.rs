//! What is waiting and what died, as gauges: looked at now and then, since time alone changes them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::BreakerState;
use super::DeadLetters;
use super::control::HandlerControl;
use super::engine::Engine;
use super::lane::Lane;
use crate::observe::{self, Sample};

/// As often as a recorder is usually read.
const INTERVAL: Duration = Duration::from_secs(5);

/// Sets the gauges until the application stops, and once more then.
pub(super) async fn sample_regularly(lanes: Vec<Arc<Lane>>, engine: Arc<Engine>) {
    while !engine.lifecycle.is_stopped() {
        sample(&lanes, &engine.dead_letters);
        // While nothing happens, nothing is to be sampled, and no timer runs.
        let due = async {
            engine.lifecycle.active().await;
            tokio::time::sleep(INTERVAL).await;
        };
        tokio::select! {
            () = due => {}
            () = engine.lifecycle.stopped() => {}
        }
    }
    sample(&lanes, &engine.dead_letters);
}

/// Sets the gauges of every handler.
pub(super) fn sample(lanes: &[Arc<Lane>], dead_letters: &DeadLetters) {
    let now = Timestamp::now();
    let dead_letters = dead_letters.count_by_handler();
    for lane in lanes {
        let status = HandlerControl::new(lane).status();
        let waiting = status.queued + status.retrying;
        let waited = status.oldest_waiting.map(|oldest| now.duration_since(oldest));
        let oldest_waiting =
            waited.and_then(|waited| Duration::try_from(waited).ok()).unwrap_or_default();
        let dead_letters = dead_letters.get(&lane.handler_name).copied().unwrap_or(0);
        let breaker_open = status.breaker.map(|breaker| match breaker {
            BreakerState::Open => 1.0,
            BreakerState::HalfOpen => 0.5,
            BreakerState::Closed => 0.0,
        });
        let sample = Sample { waiting, oldest_waiting, dead_letters, breaker_open };
        observe::sample(&lane.handler_name, &sample);
    }
}
