//! Making attempts visible: to the log, the stream of failures, the metrics and the observer.

use std::sync::Arc;
use std::time::Duration;

use super::outcome::Outcome;
use super::{Failure, Lane};
use crate::handler::{DeadLetters, DeliveryError, Item};
use crate::observe::{self, AttemptRecord, Happening};
use crate::runtime::catch_now;
use crate::schedule::Step;

/// Shows an attempt that counts.
pub(super) fn report(lane: &Lane, item: &Item, outcome: &Outcome) {
    let Outcome { error, step, retry_in, .. } = outcome;
    let (event, attempt, retry_in) = (&item.event, item.attempt, *retry_in);
    if let Some(error) = error {
        // Several that failed together have one line in the log.
        if !matches!(step, Step::RetryAlone(_)) {
            without_panic(lane, || log(lane, item, error, *step, retry_in));
        }
        let is_kept = lane.options.dead_letters != DeadLetters::Discard;
        observe::settled_failure(&lane.name, retry_in.is_some(), is_kept);
        lane.shared.failures.send(|| Failure {
            handler: Arc::clone(&lane.name),
            event: event.clone(),
            attempt,
            max_attempts: lane.options.retry.attempts(),
            error: error.clone(),
            retry_in,
        });
    }
    if let Some(observer) = &lane.shared.observer
        && *step != Step::Return
    {
        observer.observe(Happening::Attempted(AttemptRecord {
            handler: lane.handler,
            handler_name: Arc::clone(&lane.name),
            event: event.clone(),
            attempt,
            error: error.clone(),
            retry_in,
        }));
    }
}

/// Errors are written by the `Display` of users' types, which may panic.
fn without_panic(lane: &Lane, log: impl FnOnce()) {
    if catch_now(log).is_err() {
        tracing::error!(handler = &*lane.name, "writing an error to the log panicked");
    }
}

fn log(lane: &Lane, item: &Item, error: &DeliveryError, step: Step, retry_in: Option<Duration>) {
    let Item { event, attempt, .. } = item;
    let handler = &*lane.name;
    let (name, id, tenant) = (event.name(), event.id(), event.context().tenant());
    let error = event.redacted_text(error);
    if let Some(delay) = retry_in {
        tracing::warn!(
            handler, event = name, event_id = %id, %tenant, attempt, %error, retry_in = ?delay,
            "a delivery failed and will be tried again"
        );
    } else if lane.options.dead_letters == DeadLetters::Discard {
        tracing::warn!(
            handler, event = name, event_id = %id, %tenant, attempt, %error,
            "a delivery failed for good and is discarded"
        );
    } else if step == Step::Block {
        tracing::error!(
            handler, event = name, event_id = %id, %tenant, attempt, %error,
            "a delivery failed for good and is a dead letter now; later events of its order key wait"
        );
    } else {
        tracing::error!(
            handler, event = name, event_id = %id, %tenant, attempt, %error,
            "a delivery failed for good and is a dead letter now"
        );
    }
}

/// Logs the failure of a whole batch, in one line.
pub(super) fn log_together(lane: &Lane, items: &[Item], outcomes: &[Outcome]) {
    let together = items.iter().zip(outcomes).filter_map(|(item, outcome)| match outcome {
        Outcome { error: Some(error), step: Step::RetryAlone(_), .. } => Some((&item.event, error)),
        _ => None,
    });
    let Some((_, error)) = together.clone().next() else { return };
    without_panic(lane, || {
        let error =
            together.clone().fold(error.to_string(), |text, (event, _)| event.redacted_text(&text));
        tracing::warn!(
            handler = &*lane.name,
            deliveries = together.count(),
            error,
            "a batch failed as a whole: each of its deliveries will be tried alone"
        );
    });
}
