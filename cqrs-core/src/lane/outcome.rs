//! What an attempt made of a delivery, and what becomes of the delivery.

use std::time::Duration;

use tokio::time::Instant;

use super::Lane;
use crate::handler::{AttemptError, DeliveryError, HandlerError, HandlerOptions};
use crate::schedule::Step;

/// The longest wait that a handler may ask for with `retry_after`.
const LONGEST_REQUESTED_DELAY: Duration = Duration::from_hours(24);

/// Used when `now + delay` overflows.
const LONGEST_DELAY: Duration = Duration::from_hours(24 * 365);

/// What an attempt made of a delivery, and how the delivery goes on.
pub(super) struct Outcome {
    /// Why the attempt failed, if it did.
    pub(super) error: Option<DeliveryError>,
    pub(super) step: Step,
    /// How long until the next attempt, if it failed and there is a next one.
    pub(super) retry_in: Option<Duration>,
}

impl Outcome {
    pub(super) const HANDLED: Self = Self { error: None, step: Step::Finish, retry_in: None };

    /// Attempt number `attempt` failed.
    pub(super) fn failed(lane: &Lane, error: DeliveryError, attempt: u32) -> Self {
        let retry_in = longest_delay(&error, &lane.options, attempt).map(|longest| {
            requested_delay(&error).unwrap_or_else(|| {
                let chance = lane.shared.chance.as_ref();
                longest.mul_f64(chance.map_or_else(fastrand::f64, |chance| chance.fraction()))
            })
        });
        let step = retry_in.map_or(Step::Finish, |delay| Step::Retry(after(delay)));
        Self { error: Some(error), step, retry_in }
    }

    /// The batch failed as a whole, and this event was not marked: it is tried again alone.
    pub(super) fn failed_together(error: DeliveryError) -> Self {
        let requested = requested_delay(&error);
        let step = Step::RetryAlone(requested.map(after));
        Self { error: Some(error), step, retry_in: Some(requested.unwrap_or_default()) }
    }

    pub(super) fn error_type(&self) -> Option<&'static str> {
        match &self.error {
            Some(error) => Some(error.error_type()),
            None => (self.step == Step::Return).then_some("postponed"),
        }
    }

    /// Whether the circuit breaker counts it as a failure: an error, panic or time-out of the handler, or
    /// anything if the policy says so.
    pub(super) fn is_failure(&self, counts_all: bool) -> bool {
        self.error.as_ref().is_some_and(|error| {
            let is_permanent = matches!(error, AttemptError::Failed(it) if it.is_permanent());
            counts_all || !(is_permanent || matches!(error, AttemptError::Rejected(_)))
        })
    }
}

/// The longest wait for the next attempt, if there is one.
fn longest_delay(
    error: &DeliveryError,
    options: &HandlerOptions,
    attempt: u32,
) -> Option<Duration> {
    if error.is_permanent() { None } else { options.retry.longest_delay_after(attempt) }
}

/// How long the handler itself asked to wait.
fn requested_delay(error: &DeliveryError) -> Option<Duration> {
    let requested = error.handler_error().and_then(HandlerError::requested_delay);
    requested.map(|requested| requested.min(LONGEST_REQUESTED_DELAY))
}

fn after(delay: Duration) -> std::time::Instant {
    let now = Instant::now();
    now.checked_add(delay).unwrap_or(now + LONGEST_DELAY).into_std()
}
