//! Counters, histograms and gauges, for whichever recorder the application has installed.
//!
//! Dashboards and alerts are built on the names; `docs/observability.md` lists them. Labels are names from
//! the code: of events, messages, handlers and kinds of errors, never a tenant's or an entity's id.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{
    Gauge, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use tokio::time::Instant;

use crate::message::MessageKind;

const PUBLISHED: &str = "cqrs_published_total";
const EXECUTION_DURATION: &str = "cqrs_execution_duration_seconds";
const ATTEMPTS: &str = "cqrs_delivery_attempts_total";
const DELIVERY_DURATION: &str = "cqrs_delivery_duration_seconds";
const RETRIES: &str = "cqrs_retries_total";
const DEAD_LETTERED: &str = "cqrs_dead_lettered_total";
const DISCARDED: &str = "cqrs_discarded_total";
const IN_FLIGHT: &str = "cqrs_in_flight";
const QUEUE_DEPTH: &str = "cqrs_queue_depth";
const OLDEST_WAITING: &str = "cqrs_oldest_waiting_seconds";
const DEAD_LETTERS: &str = "cqrs_dead_letters";
const BREAKER_OPEN: &str = "cqrs_breaker_open";
const APPEND_DURATION: &str = "cqrs_append_duration_seconds";
const APPEND_EVENTS: &str = "cqrs_append_events";
const LAG: &str = "cqrs_lag_seconds";
const PARKED: &str = "cqrs_parked";
const CHECKPOINT_AGE: &str = "cqrs_checkpoint_age_seconds";
const LEASES_TAKEN: &str = "cqrs_leases_taken_total";
const LEASES_LOST: &str = "cqrs_leases_lost_total";

/// Tells the recorder what each metric means.
pub(crate) fn describe() {
    for (name, help) in [
        (PUBLISHED, "Events published, by outcome"),
        (ATTEMPTS, "Attempts to deliver an event to a handler, by outcome"),
        (RETRIES, "Failed attempts after which another one follows"),
        (DEAD_LETTERED, "Deliveries that became dead letters"),
        (DISCARDED, "Deliveries that failed for good and were discarded"),
        (LEASES_TAKEN, "Shards that this node has taken: free ones, or those of a node that died"),
        (LEASES_LOST, "Shards that another node has taken over from this one"),
    ] {
        describe_counter!(name, Unit::Count, help);
    }
    for (name, unit, help) in [
        (
            EXECUTION_DURATION,
            Unit::Seconds,
            "Duration of commands and queries, with their middleware, by outcome",
        ),
        (DELIVERY_DURATION, Unit::Seconds, "Duration of one attempt, with its middleware"),
        (APPEND_DURATION, Unit::Seconds, "Duration of one append to the log, by outcome"),
        (APPEND_EVENTS, Unit::Count, "Events that were appended to the log at once"),
    ] {
        describe_histogram!(name, unit, help);
    }
    for (name, unit, help) in [
        (IN_FLIGHT, Unit::Count, "Handlers running at this moment"),
        (QUEUE_DEPTH, Unit::Count, "Deliveries that wait for a worker or for their next attempt"),
        (OLDEST_WAITING, Unit::Seconds, "Age of the oldest event that waits; 0 if none waits"),
        (DEAD_LETTERS, Unit::Count, "Dead letters that are kept"),
        (
            BREAKER_OPEN,
            Unit::Count,
            "Whether a handler's circuit breaker lets no attempt through: 1 open, 0.5 trying one, 0 closed",
        ),
        (
            LAG,
            Unit::Seconds,
            "Age of the oldest event in the log that the handler has not handled, on all nodes",
        ),
        (PARKED, Unit::Count, "Deliveries that are parked in the store"),
        (
            CHECKPOINT_AGE,
            Unit::Seconds,
            "Time since this node saved its progress, or had none to save",
        ),
    ] {
        describe_gauge!(name, unit, help);
    }
}

/// A group of so many events was appended, or could not be.
#[expect(clippy::cast_precision_loss, reason = "no group has 2^52 events")]
pub(super) fn appended(events: usize, error_type: Option<&'static str>, began: Began) {
    let duration = began.0.elapsed();
    histogram!(APPEND_DURATION, "outcome" => outcome(error_type)).record(duration);
    if error_type.is_none() {
        histogram!(APPEND_EVENTS).record(events as f64);
    }
}

/// This node has taken so many shards.
pub(crate) fn leases_taken(count: usize) {
    counter!(LEASES_TAKEN).increment(count as u64);
}

/// Another node has taken over a shard of this one.
pub(crate) fn lease_lost() {
    counter!(LEASES_LOST).increment(1);
}

pub(super) fn published(event: &'static str, error_type: Option<&'static str>) {
    counter!(PUBLISHED, "event" => event, "outcome" => outcome(error_type)).increment(1);
}

pub(super) fn executed(
    kind: MessageKind,
    message: &'static str,
    error_type: Option<&'static str>,
    duration: Duration,
) {
    let (kind, outcome) = (kind.to_string(), outcome(error_type));
    histogram!(EXECUTION_DURATION, "kind" => kind, "message" => message, "outcome" => outcome)
        .record(duration);
}

/// `each` are the ends of the deliveries: one, or those of a batch.
pub(super) fn attempted(stopwatch: &Stopwatch, each: impl Iterator<Item = Option<&'static str>>) {
    let handler = || shared(&stopwatch.handler);
    for error_type in each {
        counter!(ATTEMPTS, "handler" => handler(), "outcome" => outcome(error_type)).increment(1);
        histogram!(DELIVERY_DURATION, "handler" => handler()).record(stopwatch.elapsed());
    }
}

/// A failed attempt was settled: it will be tried again, or is a dead letter now.
pub(crate) fn settled_failure(handler: &Arc<str>, retries: bool, is_kept: bool) {
    let name = match (retries, is_kept) {
        (true, _) => RETRIES,
        (false, true) => DEAD_LETTERED,
        (false, false) => DISCARDED,
    };
    counter!(name, "handler" => shared(handler)).increment(1);
}

/// Sets the gauges of the queue of `handler`.
#[expect(clippy::cast_precision_loss, reason = "no queue has 2^52 deliveries")]
pub(crate) fn set_queue(handler: &Arc<str>, waiting: usize, oldest: Duration, dead: usize) {
    gauge!(QUEUE_DEPTH, "handler" => shared(handler)).set(waiting as f64);
    gauge!(OLDEST_WAITING, "handler" => shared(handler)).set(oldest.as_secs_f64());
    gauge!(DEAD_LETTERS, "handler" => shared(handler)).set(dead as f64);
}

/// Sets the gauge of the breaker of `handler`: 1 open, 0.5 half open, 0 closed.
pub(crate) fn set_breaker(handler: &Arc<str>, open: f64) {
    gauge!(BREAKER_OPEN, "handler" => shared(handler)).set(open);
}

/// Sets the gauges of the subscription of `handler`.
#[expect(clippy::cast_precision_loss, reason = "no store has 2^52 parked deliveries")]
pub(crate) fn set_subscription(handler: &Arc<str>, lag: Duration, parked: u64) {
    gauge!(LAG, "handler" => shared(handler)).set(lag.as_secs_f64());
    gauge!(PARKED, "handler" => shared(handler)).set(parked as f64);
}

/// Sets the gauge of the time since progress was saved.
pub(crate) fn set_checkpoint_age(age: Duration) {
    gauge!(CHECKPOINT_AGE).set(age.as_secs_f64());
}

/// When something that has no handler began.
#[derive(Clone, Copy)]
pub(super) struct Began(Instant);

impl Began {
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }
}

/// Measures one run of a handler, which is in flight until this is dropped.
pub(super) struct Stopwatch {
    handler: Arc<str>,
    began: Instant,
    /// Kept, so that it goes down where it went up, also if another recorder is installed meanwhile.
    in_flight: Gauge,
}

impl Stopwatch {
    pub(super) fn start(handler: &Arc<str>) -> Self {
        let in_flight = gauge!(IN_FLIGHT, "handler" => shared(handler));
        in_flight.increment(1);
        Self { handler: Arc::clone(handler), began: Instant::now(), in_flight }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        self.in_flight.decrement(1);
    }
}

fn outcome(error_type: Option<&'static str>) -> &'static str {
    error_type.unwrap_or("ok")
}

fn shared(handler: &Arc<str>) -> SharedString {
    SharedString::from_shared(Arc::clone(handler))
}
