//! What an attempt made of a delivery, and what becomes of the delivery.

use std::time::Duration;

use rustc_hash::FxHashSet;

use super::Lane;
use crate::handler::{
    AttemptError, DeadLetters, DeliveryError, EffectiveOptions, HandlerError, Item, RejectionKind,
};
use crate::schedule::Step;

/// The longest wait that a handler may ask for with `retry_after`.
const LONGEST_REQUESTED_DELAY: Duration = Duration::from_hours(24);

/// Used when `now + delay` overflows.
const LONGEST_DELAY: Duration = Duration::from_hours(24 * 365);

/// What an attempt made of a delivery, and how the delivery goes on.
pub(super) struct Outcome {
    /// Why the attempt failed, if it did.
    pub(super) error: Option<DeliveryError>,
    /// Whether the error is permanent.
    is_permanent: bool,
    pub(super) step: Step,
    /// How long until the next attempt, if it failed and there is a next one.
    pub(super) retry_in: Option<Duration>,
}

impl Outcome {
    pub(super) const HANDLED: Self =
        Self { error: None, is_permanent: false, step: Step::Finish, retry_in: None };

    /// Attempt number `attempt` failed.
    pub(super) fn failed(lane: &Lane, error: DeliveryError, attempt: u32) -> Self {
        let is_permanent = is_permanent(&error, &lane.options);
        let retry = &lane.options.retry;
        let longest = if is_permanent { None } else { retry.longest_delay_after(attempt) };
        let retry_in = longest.map(|longest| {
            requested_delay(&error).unwrap_or_else(|| {
                if !retry.has_jitter() {
                    return longest;
                }
                let chance = lane.shared.chance.as_ref();
                longest.mul_f64(chance.map_or_else(fastrand::f64, |chance| chance.fraction()))
            })
        });
        let step = retry_in.map_or(Step::Finish, |delay| Step::Retry(after(lane, delay)));
        Self { error: Some(error), is_permanent, step, retry_in }
    }

    /// The batch failed as a whole, and this event was not marked: it is tried again alone.
    pub(super) fn failed_together(lane: &Lane, error: DeliveryError) -> Self {
        let requested = requested_delay(&error);
        let step = Step::RetryAlone(requested.map(|delay| after(lane, delay)));
        let retry_in = Some(requested.unwrap_or_default());
        Self { error: Some(error), is_permanent: false, step, retry_in }
    }

    /// The event was too old for an attempt.
    pub(super) fn expired(error: DeliveryError) -> Self {
        Self { error: Some(error), is_permanent: true, step: Step::Finish, retry_in: None }
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
        self.error.as_ref().is_some_and(|error| match error {
            AttemptError::Rejected(rejection) if rejection.kind() == RejectionKind::Expired => {
                false
            }
            AttemptError::Rejected(_) => counts_all,
            _ => counts_all || !self.is_permanent,
        })
    }
}

/// Later events of an order key wait behind an earlier one of the same batch that comes again, or that blocks its key. To do
/// this again changes nothing.
pub(super) fn keep_order(lane: &Lane, items: &[Item], outcomes: &mut [Outcome]) {
    let blocks = lane.options.dead_letters == DeadLetters::Block;
    if items.len() == 1 && !blocks {
        return;
    }
    let mut waited_for = FxHashSet::default();
    for (item, outcome) in items.iter().zip(outcomes) {
        let Some(order) = item.order else { continue };
        let is_behind = waited_for.contains(&order);
        let is_dead = outcome.error.is_some() && outcome.step == Step::Finish;
        // Of each key, one dead letter at a time blocks it.
        if is_behind && (outcome.error.is_none() || (blocks && is_dead)) {
            *outcome = Outcome { step: Step::Return, ..Outcome::HANDLED };
        } else if blocks && is_dead {
            outcome.step = Step::Block;
        }
        if outcome.step != Step::Finish {
            waited_for.insert(order);
        }
    }
}

/// Whether the error is permanent, by itself or by the handler's option `never`.
fn is_permanent(error: &DeliveryError, options: &EffectiveOptions) -> bool {
    match error {
        AttemptError::Failed(error) => options.is_permanent(error),
        error => error.is_permanent(),
    }
}

/// How long the handler itself asked to wait.
fn requested_delay(error: &DeliveryError) -> Option<Duration> {
    let requested = error.handler_error().and_then(HandlerError::requested_delay);
    requested.map(|requested| requested.min(LONGEST_REQUESTED_DELAY))
}

fn after(lane: &Lane, delay: Duration) -> std::time::Instant {
    let now = lane.clock().instant();
    now.checked_add(delay).unwrap_or(now + LONGEST_DELAY).into_std()
}
