//! Counters, histograms and gauges, for the recorder that the application has installed.
//!
//! Labels are names from the code: of events, messages, handlers and error types.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{
    Gauge, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use tokio::time::Instant;

use super::names::{self, Instrument, metric};
use crate::message::MessageKind;

/// Describes each metric to the recorder.
pub(crate) fn describe() {
    for metric in metric::ALL {
        match metric.instrument {
            Instrument::Counter => describe_counter!(metric.name, Unit::Count, metric.help),
            Instrument::Gauge => describe_gauge!(metric.name, Unit::Count, metric.help),
            Instrument::Histogram => describe_histogram!(metric.name, Unit::Seconds, metric.help),
            Instrument::Age => describe_gauge!(metric.name, Unit::Seconds, metric.help),
        }
    }
}

pub(super) fn published(event: &'static str, error_type: Option<&'static str>) {
    counter!(metric::PUBLISHED.name, "event" => event, "outcome" => outcome(error_type))
        .increment(1);
}

pub(super) fn execution_refused(
    kind: MessageKind,
    message: &'static str,
    error_type: &'static str,
) {
    record_execution(kind, message, Some(error_type), Duration::ZERO);
}

pub(super) fn settled_failure(handler: &Arc<str>, retries: bool) {
    let metric = if retries { metric::RETRIES } else { metric::DEAD_LETTERED };
    counter!(metric.name, "handler" => shared(handler)).increment(1);
}

/// The state of one handler's queue at one moment.
pub(crate) struct Sample {
    pub(crate) waiting: usize,
    pub(crate) oldest_waiting: Duration,
    pub(crate) dead_letters: usize,
    /// 1 open, 0.5 half open, 0 closed; `None` without a breaker.
    pub(crate) breaker_open: Option<f64>,
}

/// Sets the gauges of `handler`.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 deliveries")]
pub(crate) fn sample(handler: &Arc<str>, sample: &Sample) {
    let of = |metric: names::Metric| gauge!(metric.name, "handler" => shared(handler));
    of(metric::QUEUE_DEPTH).set(sample.waiting as f64);
    of(metric::OLDEST_WAITING).set(sample.oldest_waiting.as_secs_f64());
    of(metric::DEAD_LETTERS).set(sample.dead_letters as f64);
    if let Some(open) = sample.breaker_open {
        of(metric::BREAKER_OPEN).set(open);
    }
}

/// Measures one run of a handler. The run counts as in flight until this is dropped. The default measures
/// nothing.
pub(super) struct Stopwatch(Option<Running>);

struct Running {
    handler: Arc<str>,
    began: Instant,
    /// Stored, so that the same gauge is decremented even if another recorder is installed meanwhile.
    in_flight: Gauge,
}

impl Stopwatch {
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn start(handler: &Arc<str>) -> Self {
        let in_flight = gauge!(metric::IN_FLIGHT.name, "handler" => shared(handler));
        in_flight.increment(1);
        Self(Some(Running { handler: Arc::clone(handler), began: Instant::now(), in_flight }))
    }

    pub(super) fn executed(
        self,
        kind: MessageKind,
        message: &'static str,
        error_type: Option<&'static str>,
    ) {
        if let Some(running) = &self.0 {
            record_execution(kind, message, error_type, running.began.elapsed());
        }
    }

    /// `each` has the end of each delivery: of one, or of all in a batch.
    pub(super) fn attempted(self, each: impl Iterator<Item = Option<&'static str>>) {
        let Some(running) = &self.0 else { return };
        for error_type in each {
            let handler = shared(&running.handler);
            counter!(metric::ATTEMPTS.name, "handler" => handler, "outcome" => outcome(error_type))
                .increment(1);
            histogram!(metric::DELIVERY_DURATION.name, "handler" => shared(&running.handler))
                .record(running.began.elapsed());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.in_flight.decrement(1);
    }
}

fn record_execution(
    kind: MessageKind,
    message: &'static str,
    error_type: Option<&'static str>,
    duration: Duration,
) {
    histogram!(
        metric::EXECUTION_DURATION.name,
        "kind" => kind_label(kind), "message" => message, "outcome" => outcome(error_type)
    )
    .record(duration);
}

fn kind_label(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Event => "event",
        MessageKind::Command => "command",
        MessageKind::Query => "query",
    }
}

fn outcome(error_type: Option<&'static str>) -> &'static str {
    error_type.unwrap_or("ok")
}

fn shared(handler: &Arc<str>) -> SharedString {
    SharedString::from_shared(Arc::clone(handler))
}
