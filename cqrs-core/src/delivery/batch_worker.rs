//! A worker of a handler of batches: takes turns together and settles each by itself.

use std::time::Duration;

use super::batch_attempt::{Tried, attempt_batch};
use super::lane::Lane;
use super::queue::{Fate, Turn};
use super::worker::{
    after, announce, conclude, delay_after, report, requested_delay, without_panic,
};
use crate::handler::BatchPolicy;
use crate::runtime::{Panic, catch};

/// Runs one batch after another until the application stops.
pub(super) async fn run_batches(lane: &Lane, worker: usize, policy: &BatchPolicy) {
    while let Some(turns) = lane.next_batch(worker, policy).await {
        if let Some(interleaving) = &lane.engine.interleaving {
            interleaving.step_back().await;
        }
        if lane.engine.lifecycle.is_stopped() {
            break;
        }
        // The deliveries stay in the queue, where the shutdown finds and reports them.
        let Some(tried) = attempt_batch(lane, policy, &turns).await else { break };
        lane.attempted(worker, tried.any_handled);
        // What users put into events and errors may panic when it is dropped.
        if let Err(Panic(message)) = catch(|| settle(lane, worker, &turns, tried.each)) {
            tracing::error!(
                handler = &*lane.handler_name,
                panic = message,
                "settling a batch panicked"
            );
            drop(lane.end_batch(worker, &vec![Fate::Finished; turns.len()]));
        }
        // It may be the last one to hold the event.
        for turn in turns {
            let _ = catch(move || drop(turn));
        }
        // A handler that never waits must not keep the thread from other tasks.
        tokio::task::coop::consume_budget().await;
    }
}

/// Each is done, to be tried again, or dead.
fn settle(lane: &Lane, worker: usize, turns: &[Turn], each: Vec<Tried>) {
    log_together(lane, turns, &each);
    let mut fates = Vec::with_capacity(turns.len());
    let mut ends = Vec::with_capacity(turns.len());
    for (at, (turn, tried)) in turns.iter().zip(each).enumerate() {
        let result = match tried {
            Tried::Handled => Ok(()),
            Tried::Failed(error) => Err(error),
            Tried::Together(error) => {
                let requested = requested_delay(&error);
                announce(lane, turn, Some(&error), Some(requested.unwrap_or(Duration::ZERO)));
                fates.push(Fate::Alone(requested.map(after)));
                continue;
            }
            Tried::Postponed => {
                fates.push(Fate::Postponed);
                continue;
            }
        };
        let error = result.as_ref().err();
        let retry_in = error.and_then(|error| delay_after(lane, turn.attempt, error));
        report(lane, turn, error, retry_in);
        fates.push(match retry_in {
            Some(delay) => Fate::Retry(after(delay)),
            None if lane.engine.deliver_twice && !turn.repeated => {
                let waiter = lane.with(|state| {
                    let running = state.queue.running(worker).get_mut(at);
                    running.and_then(|delivery| delivery.waiter.take())
                });
                conclude(lane, turn, result, turn.keys, waiter);
                Fate::Repeat
            }
            None => {
                ends.push((turn, result));
                Fate::Finished
            }
        });
    }
    // They are in flight until they are dropped, so a settled application shows its dead letters.
    for (mut delivery, (turn, result)) in lane.end_batch(worker, &fates).into_iter().zip(ends) {
        let waiter = delivery.waiter.take();
        if catch(|| conclude(lane, turn, result, delivery.keys, waiter)).is_err() {
            tracing::error!(handler = &*lane.handler_name, "settling a delivery panicked");
        }
    }
}

/// One line, where all would say the same.
fn log_together(lane: &Lane, turns: &[Turn], each: &[Tried]) {
    let together = turns.iter().zip(each).filter_map(|(turn, tried)| match tried {
        Tried::Together(error) => Some((turn, error)),
        _ => None,
    });
    let together: Vec<_> = together.collect();
    let Some((_, error)) = together.first() else { return };
    without_panic(lane, || {
        let redacted = together
            .iter()
            .fold(error.to_string(), |text, (turn, _)| turn.event.redacted_text(&text));
        tracing::warn!(
            handler = &*lane.handler_name,
            deliveries = together.len(),
            error = redacted,
            "a batch failed as a whole: each of its deliveries will be tried alone"
        );
    });
}
