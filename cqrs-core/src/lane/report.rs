//! Making attempts visible: to the log, the stream of failures, the metrics and the observer.

use std::sync::Arc;
use std::time::Duration;

use super::outcome::{Outcome, Taken};
use super::{Failure, Lane};
use crate::observe::{self, AttemptRecord, Happening};
use crate::runtime::catch_now;

/// Shows an attempt to everything but the log.
pub(super) fn show(lane: &Lane, taken: &Taken, outcome: &Outcome, retry_in: Option<Duration>) {
    let Taken { event, attempt, .. } = taken;
    let error = outcome.error();
    if let Some(error) = error {
        observe::settled_failure(&lane.name, retry_in.is_some());
        lane.shared.failures.report(|| Failure {
            handler: Arc::clone(&lane.name),
            event: event.clone(),
            attempt: *attempt,
            max_attempts: lane.options.retry.attempts,
            error: error.clone(),
            retry_in,
        });
    }
    if let Some(observer) = &lane.shared.observer {
        observer.observe(Happening::Attempted(AttemptRecord {
            handler: lane.handler,
            handler_name: Arc::clone(&lane.name),
            event: event.clone(),
            attempt: *attempt,
            error: error.cloned(),
            retry_in,
        }));
    }
}

/// Logs a failed attempt.
pub(super) fn log(lane: &Lane, taken: &Taken, outcome: &Outcome, retry_in: Option<Duration>) {
    without_panic(lane, || write(lane, taken, outcome, retry_in));
}

/// Errors are written by the `Display` of users' types, which may panic.
fn without_panic(lane: &Lane, log: impl FnOnce()) {
    if catch_now(log).is_err() {
        tracing::error!(handler = &*lane.name, "writing an error to the log panicked");
    }
}

fn write(lane: &Lane, taken: &Taken, outcome: &Outcome, retry_in: Option<Duration>) {
    let Outcome::Failed(error) = outcome else { return };
    let Taken { event, attempt, .. } = taken;
    let handler = &*lane.name;
    let (name, id, tenant) = (event.name(), event.id(), event.context().tenant());
    let error = event.redacted_text(error);
    if let Some(delay) = retry_in {
        tracing::warn!(
            handler, event = name, event_id = %id, %tenant, attempt, %error, retry_in = ?delay,
            "a delivery failed and will be tried again"
        );
    } else {
        tracing::error!(
            handler, event = name, event_id = %id, %tenant, attempt, %error,
            "a delivery failed for good and is a dead letter now"
        );
    }
}

/// Logs the failure of a whole batch, in one line.
pub(super) fn log_together(lane: &Lane, taken: &[Taken], outcomes: &[Outcome]) {
    without_panic(lane, || write_together(lane, taken, outcomes));
}

fn write_together(lane: &Lane, taken: &[Taken], outcomes: &[Outcome]) {
    let together = taken.iter().zip(outcomes).filter_map(|(taken, outcome)| match outcome {
        Outcome::FailedTogether(error) => Some((&taken.event, error)),
        _ => None,
    });
    let Some((_, error)) = together.clone().next() else { return };
    let mut deliveries = 0;
    let error = together.fold(error.to_string(), |text, (event, _)| {
        deliveries += 1;
        event.redacted_text(&text)
    });
    tracing::warn!(
        handler = &*lane.name,
        deliveries,
        error,
        "a batch failed as a whole: each of its deliveries will be tried alone"
    );
}
