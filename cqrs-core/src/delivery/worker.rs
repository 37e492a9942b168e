//! A lane's worker: takes turns and settles them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::attempt::attempt;
use super::caught::{Panic, catch};
use super::dead_letters::DeadLetter;
use super::failures::Failure;
use super::lane::Lane;
use super::outcome::{DeliveryError, HandlerOutcome};
use super::queue::{Keys, Turn};
use crate::handler::HandlerError;
use crate::observe;
use crate::probe::Attempted;

/// The longest wait that a handler may ask for with `retry_after`.
const LONGEST_REQUESTED_DELAY: Duration = Duration::from_hours(24);

/// What stands in for a wait that no clock can express.
const LONGEST_DELAY: Duration = Duration::from_hours(24 * 365);

/// Runs one attempt after another until the application stops.
pub(super) async fn run(post: Post) {
    let (lane, worker) = (Arc::clone(&post.lane), post.worker);
    while let Some(turn) = lane.next(worker).await {
        if let Some(interleaving) = &lane.engine.interleaving {
            interleaving.step_back().await;
        }
        if lane.engine.lifecycle.is_stopped() {
            break;
        }
        // The delivery stays in the queue, where the shutdown finds and reports it.
        let Some(result) = attempt(&lane, &turn).await else { break };
        lane.attempted(worker, result.is_ok());
        // What users put into events and errors may panic when it is dropped.
        if let Err(Panic(message)) = catch(|| settle(&lane, worker, &turn, result)) {
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
    drop(post);
}

/// Done, to be tried again, or dead.
fn settle(lane: &Lane, worker: usize, turn: &Turn, result: Result<(), DeliveryError>) {
    let retry_in = match &result {
        Ok(()) => None,
        Err(error) => delay_after(lane, turn.attempt, error),
    };
    // An error is written here, and what users wrote to do that may panic.
    if catch(|| report(lane, worker, turn, result.as_ref().err(), retry_in)).is_err() {
        tracing::error!(handler = &*lane.handler_name, "reporting an attempt panicked");
    }
    if let Some(delay) = retry_in {
        let now = Instant::now();
        lane.delay(worker, now.checked_add(delay).unwrap_or(now + LONGEST_DELAY));
        return;
    }
    if lane.engine.deliver_twice {
        let first = lane.with(|state| {
            let running = state.queue.running(worker).filter(|delivery| !delivery.repeated);
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
fn conclude(
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

/// How long to wait for the next attempt, if there is one.
fn delay_after(lane: &Lane, attempt: u32, error: &DeliveryError) -> Option<Duration> {
    if error.is_permanent() {
        return None;
    }
    let longest = lane.options.retry.longest_delay_after(attempt)?;
    if let Some(requested) = error.handler_error().and_then(HandlerError::requested_delay) {
        return Some(requested.min(LONGEST_REQUESTED_DELAY));
    }
    Some(match &lane.engine.interleaving {
        Some(interleaving) => interleaving.jitter(longest),
        None => longest.mul_f64(fastrand::f64()),
    })
}

/// Makes the attempt visible: to the log, the stream of failures and the test kit.
fn report(
    lane: &Lane,
    worker: usize,
    turn: &Turn,
    error: Option<&DeliveryError>,
    retry_in: Option<Duration>,
) {
    if let Some(error) = error {
        observe::settled_failure(&lane.handler_name, retry_in.is_some());
        log(lane, turn, error, retry_in);
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
        let repeated = lane
            .with(|state| state.queue.running(worker).is_some_and(|delivery| delivery.repeated));
        probe.attempted(Attempted {
            handler: lane.handler,
            handler_name: &lane.handler_name,
            event: &turn.event,
            attempt: turn.attempt,
            repeated,
            error,
            retry_in,
        });
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
