//! Whether the application can work, for the readiness probe of an orchestrator or a load balancer.

use std::time::Duration;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use serde::{Serialize, Serializer};

use super::App;
use crate::bus::HandlerControl;
use crate::lane::{BreakerState, HandlerState, HandlerStatus};
use crate::log::SubscriptionProgress;

/// From which lag on a handler is listed. A shorter one says little: while a shard has no events, its checkpoint moves
/// every five seconds.
const LATE: Duration = Duration::from_secs(10);

/// Whether an application can work: its state, its store, and the event handlers that need attention.
///
/// From [`App::health`]. It can be the body of a probe: [`Serialize`] gives
///
/// ```json
/// {
///   "is_started": true,
///   "is_shut_down": false,
///   "store": { "error": null, "shards": 8, "all_shards": 16 },
///   "handlers": [{ "handler": "send-receipt", "lag_seconds": 42.1, "parked": 3, "breaker": "open", "is_paused": false }]
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether event handlers run, or will run with the first publish. It is `false` while the application waits for
    /// [`App::start`].
    pub is_started: bool,
    /// Whether a shutdown has begun.
    pub is_shut_down: bool,
    /// The application's store; `None` without one.
    pub store: Option<StoreHealth>,
    /// The event handlers that are paused, that are ten seconds late or more, whose circuit breaker is not closed, or
    /// that have parked deliveries. Sorted by name.
    pub handlers: Vec<HandlerHealth>,
}

/// Whether an application's store can be reached, and what this process does with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreHealth {
    /// Why it cannot be used; `None` if it can. The text is for operators: it may name hosts.
    pub error: Option<String>,
    /// How many shards this process works on: 0 if it cannot renew its leases.
    pub shards: usize,
    /// How many shards there are, for all processes together.
    pub all_shards: u16,
}

/// What is wrong with an event handler.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HandlerHealth {
    /// Its stable name.
    pub handler: String,
    /// The age of the oldest event that it has not handled, on all nodes; zero if there is none. In JSON, a number of
    /// seconds. While events come, it can be up to five seconds too long. If the store does not answer, it is that of
    /// the oldest event that waits in this process.
    #[serde(rename = "lag_seconds", serialize_with = "seconds")]
    pub lag: Duration,
    /// How many of its deliveries are parked in the store.
    pub parked: u64,
    /// Where its circuit breaker is in this process, if it has one.
    pub breaker: Option<BreakerState>,
    /// Whether it is paused.
    pub is_paused: bool,
}

impl Health {
    /// Whether the application takes work: it is started, or starts with the first publish; no shutdown has begun; and
    /// its store, if it has one, answers.
    ///
    /// Handlers do not matter here: if one is late, paused or failing, a process that gets no more requests does not
    /// help it. Alert on their metrics.
    pub fn is_ready(&self) -> bool {
        let has_store = self.store.as_ref().is_none_or(|store| store.error.is_none());
        self.is_started && !self.is_shut_down && has_store
    }
}

impl App {
    /// Whether the application can work, for a readiness probe. It makes one call to the store, and counts it as
    /// unreachable if the answer takes longer than two seconds; so it can be called every few seconds.
    ///
    /// Cancel safe.
    ///
    /// # Panics
    ///
    /// If called outside a Tokio runtime with a store, because it needs a timer.
    pub async fn health(&self) -> Health {
        let dispatcher = &self.0.hub.dispatcher;
        let (mut store, mut progress) = (None, FxHashMap::default());
        if let Some(engine) = dispatcher.engine() {
            let answer = engine.progress().await;
            let error = answer.as_ref().err().map(ToString::to_string);
            let (shards, all_shards) = engine.shards();
            store = Some(StoreHealth { error, shards, all_shards });
            let of_handler = |it: SubscriptionProgress| (it.subscription.name.clone(), it);
            progress = answer.unwrap_or_default().into_iter().map(of_handler).collect();
        }
        let of_handler = |control: HandlerControl| {
            handler_health(control.name(), &control.status(), progress.get(control.name()))
        };
        Health {
            is_started: self.0.hub.needs_no_start(),
            is_shut_down: self.0.lifecycle.is_closed(),
            store,
            handlers: dispatcher.controls().map(of_handler).filter(needs_attention).collect(),
        }
    }
}

fn handler_health(
    name: &str,
    status: &HandlerStatus,
    progress: Option<&SubscriptionProgress>,
) -> HandlerHealth {
    let waits = || {
        let age = Timestamp::now().duration_since(status.oldest_waiting?);
        Duration::try_from(age).ok()
    };
    HandlerHealth {
        handler: name.to_owned(),
        lag: progress.map_or_else(|| waits().unwrap_or_default(), |progress| progress.lag),
        parked: progress.map_or(0, |progress| progress.parked),
        breaker: status.breaker,
        is_paused: status.state == HandlerState::Paused
            || progress.is_some_and(|progress| progress.subscription.is_paused),
    }
}

fn needs_attention(health: &HandlerHealth) -> bool {
    let is_open = health.breaker.is_some_and(|breaker| breaker != BreakerState::Closed);
    health.is_paused || health.parked > 0 || health.lag >= LATE || is_open
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_handlers_that_need_attention_are_listed() {
        let fine = HandlerHealth {
            handler: "send-receipt".to_owned(),
            lag: Duration::from_millis(9_999),
            parked: 0,
            breaker: Some(BreakerState::Closed),
            is_paused: false,
        };
        assert!(!needs_attention(&fine));
        assert!(needs_attention(&HandlerHealth { lag: LATE, ..fine.clone() }));
        assert!(needs_attention(&HandlerHealth { parked: 1, ..fine.clone() }));
        assert!(needs_attention(&HandlerHealth { is_paused: true, ..fine.clone() }));
        let half_open = Some(BreakerState::HalfOpen);
        assert!(needs_attention(&HandlerHealth { breaker: half_open, ..fine }));
    }
}
