//! A lane's worker: takes deliveries, makes an attempt, settles.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::chance::step_back;
use super::deliver::{Taken, deliver};
use super::outcome::{Outcome, keep_order};
use super::report::{log_together, report};
use super::{Lane, Verdict};
use crate::handler::AttemptError;
use crate::runtime::{Panic, catch};
use crate::schedule::Step;

/// Starts worker `number` of `lane`.
pub(super) fn start(lane: Arc<Lane>, number: usize, runtime: &Handle) {
    runtime.spawn(async move {
        // What panics outside an attempt, such as the `Drop` of an event, ends the worker's run. That is a
        // failed attempt of what it had taken, and it starts again.
        while let Err(Panic(message)) = catch(|| work(&lane, number)).await {
            tracing::error!(handler = &*lane.name, panic = message, "settling a delivery panicked");
            fail_taken(&lane, number, &message);
        }
    });
}

/// Makes one attempt after another until the application stops.
async fn work(lane: &Lane, number: usize) {
    let mut taken = Taken::default();
    while lane.next(number, &mut taken).await {
        step_back(lane.shared.chance.as_deref()).await;
        // When the application stops, the deliveries stay in the schedule: the shutdown reports them.
        if lane.shared.lifecycle.is_stopped() {
            return;
        }
        // Expired deliveries already have their outcomes.
        if taken.outcomes.is_empty() && !deliver(lane, number, &mut taken).await {
            return;
        }
        settle(lane, number, &mut taken);
        // A worker without work keeps no event.
        taken.clear();
        // A handler that never waits must not keep the thread from other tasks.
        tokio::task::coop::consume_budget().await;
    }
}

/// Each delivery is done, retried, or dead.
fn settle(lane: &Lane, number: usize, taken: &mut Taken) {
    // Those that were not attempted have expired.
    keep_order(lane, &taken.items, &mut taken.outcomes);
    let Taken { items, outcomes, .. } = &*taken;
    lane.count(number, outcomes);
    if items.len() > 1 {
        log_together(lane, items, outcomes);
    }
    for (item, outcome) in items.iter().zip(outcomes) {
        report(lane, item, outcome);
    }
    lane.settle(number, taken);
    let Taken { items, outcomes, finished, .. } = taken;
    // The last one is first.
    for (at, delivery) in finished.iter().rev() {
        let attempts = items[*at].attempt;
        delivery.settle(match &outcomes[*at].error {
            None => Verdict::Done { attempts },
            Some(error) => {
                delivery.announce(lane, attempts, error);
                let blocks = outcomes[*at].step == Step::Block;
                Verdict::Dead { attempts, error, blocks }
            }
        });
    }
}

fn fail_taken(lane: &Lane, number: usize, message: &str) {
    let mut taken = Taken::default();
    lane.copy_taken(number, &mut taken);
    let panicked = || AttemptError::Panicked(message.to_owned());
    let outcomes = taken.items.iter().map(|item| Outcome::failed(lane, panicked(), item.attempt));
    taken.outcomes = outcomes.collect();
    settle(lane, number, &mut taken);
}
