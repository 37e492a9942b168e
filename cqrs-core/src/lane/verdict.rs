//! What becomes of a delivery after an attempt.

use std::time::{Duration, Instant};

use super::breaker::Counted;
use super::outcome::Outcome;
use crate::handler::{AttemptError, DeliveryError, HandlerError, HandlerOptions};
use crate::schedule::Step;

/// The longest wait that a handler may ask for with `retry_after`.
const LONGEST_REQUESTED_DELAY: Duration = Duration::from_hours(24);

/// Used when `now + delay` overflows.
const LONGEST_DELAY: Duration = Duration::from_hours(24 * 365);

/// How a delivery goes on after its attempt number `attempt`, and how long until the next one, if it was
/// an attempt and there is a next one. `fraction` is that of the longest back-off.
pub(super) fn verdict(
    outcome: &Outcome,
    options: &HandlerOptions,
    attempt: u32,
    now: impl Fn() -> Instant,
    fraction: impl FnOnce() -> f64,
) -> (Step, Option<Duration>) {
    match outcome {
        Outcome::Handled => (Step::Finish, None),
        Outcome::Behind => (Step::Return, None),
        Outcome::FailedTogether(error) => {
            let requested = requested_delay(error);
            let step = Step::RetryAlone(requested.map(|delay| after(now(), delay)));
            (step, Some(requested.unwrap_or(Duration::ZERO)))
        }
        Outcome::Failed(error) => match longest_delay(error, options, attempt) {
            None => (Step::Finish, None),
            Some(longest) => {
                let delay = requested_delay(error).unwrap_or_else(|| longest.mul_f64(fraction()));
                (Step::Retry(after(now(), delay)), Some(delay))
            }
        },
    }
}

/// Whether a delivery with this outcome is attempted again.
pub(super) fn comes_again(outcome: &Outcome, options: &HandlerOptions, attempt: u32) -> bool {
    match outcome {
        Outcome::Handled => false,
        Outcome::Behind | Outcome::FailedTogether(_) => true,
        Outcome::Failed(error) => longest_delay(error, options, attempt).is_some(),
    }
}

/// What the circuit breaker counts an attempt of these deliveries as: a failure if all failed, by errors,
/// panics or time-outs of the handler, or by anything if the policy says so.
pub(super) fn counted(outcomes: &[Outcome], options: &HandlerOptions) -> Counted {
    let counts_all = options.breaker.is_some_and(|policy| policy.counts_all);
    let mut counted = Counted::Neither;
    for outcome in outcomes {
        match outcome {
            Outcome::Handled => return Counted::Success,
            Outcome::Failed(error) | Outcome::FailedTogether(error) => {
                let is_permanent = matches!(error, AttemptError::Failed(it) if it.is_permanent());
                if counts_all || !(is_permanent || matches!(error, AttemptError::Rejected(_))) {
                    counted = Counted::Failure;
                }
            }
            Outcome::Behind => {}
        }
    }
    counted
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

fn after(now: Instant, delay: Duration) -> Instant {
    now.checked_add(delay).unwrap_or(now + LONGEST_DELAY)
}
