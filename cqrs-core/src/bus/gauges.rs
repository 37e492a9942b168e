//! What waits and what died, as gauges: sampled, since time alone changes them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use super::control::HandlerControl;
use super::feed::Route;
use super::letters::Letters;
use crate::lane::BreakerState;
use crate::observe;
use crate::runtime::Lifecycle;
use crate::subscription::Engine;

/// As often as a recorder is usually read.
const INTERVAL: Duration = Duration::from_secs(5);

/// Calls `sample` until the application stops, and once more then; asks the log until then.
pub(super) async fn sample_regularly(
    lifecycle: Arc<Lifecycle>,
    sample: impl Fn(),
    log: Option<Arc<Engine>>,
) {
    while !lifecycle.is_stopped() {
        sample();
        let rest = async {
            tokio::time::sleep(INTERVAL).await;
            if let Some(log) = &log {
                log.sample().await;
            }
        };
        tokio::select! {
            () = rest => {}
            () = lifecycle.stopped() => {}
        }
    }
    sample();
}

/// Sets the gauges of every handler.
pub(super) fn sample(lanes: &[Route], letters: &Letters) {
    let now = Timestamp::now();
    let mut dead_letters: FxHashMap<_, usize> = FxHashMap::default();
    for letter in &letters.kept().letters {
        *dead_letters.entry(Arc::clone(&letter.handler)).or_default() += 1;
    }
    for route in lanes {
        let name = &route.lane.name;
        let status = HandlerControl::new(route).status();
        let waited = status.oldest_waiting.map(|oldest| now.duration_since(oldest));
        let waited = waited.and_then(|waited| Duration::try_from(waited).ok()).unwrap_or_default();
        let dead_letters = dead_letters.get(name).copied().unwrap_or(0);
        observe::set_queue(name, status.queued + status.retrying, waited, dead_letters);
        if let Some(breaker) = status.breaker {
            let open = match breaker {
                BreakerState::Open => 1.0,
                BreakerState::HalfOpen => 0.5,
                BreakerState::Closed => 0.0,
            };
            observe::set_breaker(name, open);
        }
    }
}
