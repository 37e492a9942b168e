//! A lane's worker: takes turns and settles them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::attempt::attempt;
use super::batch_worker::run_batches;
use super::dead_letters::DeadLetter;
use super::failures::Failure;
use super::lane::Lane;
use super::outcome::HandlerOutcome;
use super::queue::{Keys, Turn};
use crate::handler::{DeliveryError, HandlerError};
use crate::observe;
use crate::observe::Attempted;
use crate::runtime::{Panic, catch};

/// The longest wait that a handler may ask for with `retry_after`.
const LONGEST_REQUESTED_DELAY: Duration = Duration::from_hours(24);

/// What stands in for a wait that no clock can express.
const LONGEST_DELAY: Duration = Duration::from_hours(24 * 365);

/// Runs one attempt after another until the application stops.
pub(super) async fn run(post: Post) {
    match post.lane.batch {
        None => run_deliveries(&post.lane, post.worker).await,
        Some(policy) => run_batches(&post.lane, post.worker, &policy).await,
    }
    drop(post);
}

async fn run_deliveries(lane: &Lane, worker: usize) {
    while let Some(turn) = lane.next(worker).await {
        if let Some(interleaving) = &lane.engine.interleaving {
            interleaving.step_back().await;
        }
        if lane.engine.lifecycle.is_stopped() {
            break;
        }
        // The delivery stays in the queue, where the shutdown finds and reports it.
        let Some(result) = attempt(lane, &turn).await else { break };
        lane.attempted(worker, result.is_ok());
        // What users put into events and errors may panic when it is dropped.
        if let Err(Panic(message)) = catch(|| settle(lane, worker, &turn, result)) {
            tracing::error!(
                handler = &*lane.handler_name,
                panic = message,
                "settling a delivery panicked"
            );
            drop(lane.finish(worker));
        }
        // It may be the last one to hold the event.
        let _ = catch(move || drop(turn));
        // A handler that never waits must not keep the thread from other tasks.
        tokio::task::coop::consume_budget().await;
    }
}

/// Done, to be tried again, or dead.
fn settle(lane: &Lane, worker: usize, turn: &Turn, result: Result<(), DeliveryError>) {
    let retry_in = match &result {
        Ok(()) => None,
        Err(error) => delay_after(lane, turn.attempt, error),
    };
    report(lane, turn, result.as_ref().err(), retry_in);
    if let Some(delay) = retry_in {
        lane.delay(worker, after(delay));
        return;
    }
    if lane.engine.deliver_twice {
        let first = lane.with(|state| {
            let running = state.queue.running(worker).first_mut();
            let running = running.filter(|delivery| !delivery.repeated);
            running.map(|delivery| (delivery.keys, delivery.waiter.take()))
        });
        if let Some((keys, waiter)) = first {
            conclude(lane, turn, result, keys, waiter);
            lane.repeat(worker);
            return;
        }
    }
    // It is in flight until it is dropped, so a settled application shows its dead letters.
    if let Some(mut delivery) = lane.finish(worker) {
        let waiter = delivery.waiter.take();
        conclude(lane, turn, result, delivery.keys, waiter);
    }
}

/// Keeps what is dead, and tells who waits.
pub(super) fn conclude(
    lane: &Lane,
    turn: &Turn,
    result: Result<(), DeliveryError>,
    keys: Keys,
    waiter: Option<oneshot::Sender<HandlerOutcome>>,
) {
    if let Err(error) = &result {
        let letter = DeadLetter::new(&lane.handler_name, turn, error.clone());
        lane.engine.dead_letters.add(letter, keys, Arc::clone(&turn.handler));
    }
    if let Some(waiter) = waiter {
        let handler = Arc::clone(&lane.handler_name);
        // Who asked may be gone.
        let _ = waiter.send(HandlerOutcome { handler, attempts: turn.attempt, result });
    }
}

/// The longest wait for the next attempt, if there is one.
pub(super) fn longest_delay_after(
    lane: &Lane,
    attempt: u32,
    error: &DeliveryError,
) -> Option<Duration> {
    if error.is_permanent() { None } else { lane.options.retry.longest_delay_after(attempt) }
}

/// How long the handler itself asked to wait.
pub(super) fn requested_delay(error: &DeliveryError) -> Option<Duration> {
    let requested = error.handler_error().and_then(HandlerError::requested_delay);
    requested.map(|requested| requested.min(LONGEST_REQUESTED_DELAY))
}

/// When a wait of this length is over.
pub(super) fn after(delay: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(delay).unwrap_or(now + LONGEST_DELAY)
}

/// How long to wait for the next attempt, if there is one.
pub(super) fn delay_after(lane: &Lane, attempt: u32, error: &DeliveryError) -> Option<Duration> {
    let longest = longest_delay_after(lane, attempt, error)?;
    let requested = requested_delay(error);
    if requested.is_some() {
        return requested;
    }
    Some(match &lane.engine.interleaving {
        Some(interleaving) => interleaving.jitter(longest),
        None => longest.mul_f64(fastrand::f64()),
    })
}

/// Makes the attempt visible: to the log, the stream of failures and the test kit.
pub(super) fn report(
    lane: &Lane,
    turn: &Turn,
    error: Option<&DeliveryError>,
    retry_in: Option<Duration>,
) {
    if let Some(error) = error {
        without_panic(lane, || log(lane, turn, error, retry_in));
    }
    announce(lane, turn, error, retry_in);
}

/// As [`report`], but not to the log.
pub(super) fn announce(
    lane: &Lane,
    turn: &Turn,
    error: Option<&DeliveryError>,
    retry_in: Option<Duration>,
) {
    without_panic(lane, || {
        if let Some(error) = error {
            observe::settled_failure(&lane.handler_name, retry_in.is_some());
            lane.engine.failures.report(|| Failure {
                handler: Arc::clone(&lane.handler_name),
                event: turn.event.clone(),
                attempt: turn.attempt,
                max_attempts: lane.options.retry.attempts(),
                error: error.clone(),
                retry_in,
            });
        }
        if let Some(probe) = &lane.engine.probe {
            probe.attempted(Attempted {
                handler: lane.handler,
                handler_name: &lane.handler_name,
                event: &turn.event,
                attempt: turn.attempt,
                repeated: turn.repeated,
                error,
                retry_in,
            });
        }
    });
}

/// Errors are written by what users wrote, which may panic.
pub(super) fn without_panic(lane: &Lane, report: impl FnOnce()) {
    if catch(report).is_err() {
        tracing::error!(handler = &*lane.handler_name, "reporting an attempt panicked");
    }
}

fn log(lane: &Lane, turn: &Turn, error: &DeliveryError, retry_in: Option<Duration>) {
    let Turn { event, attempt, .. } = turn;
    let handler = &*lane.handler_name;
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

/// A worker's place in its lane, given back however the worker ends.
pub(super) struct Post {
    pub(super) lane: Arc<Lane>,
    pub(super) worker: usize,
}

impl Drop for Post {
    fn drop(&mut self) {
        self.lane.worker_left(self.worker);
    }
}
