//! A lane's worker: takes deliveries, makes an attempt, settles.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::breaker::Counted;
use super::chance::step_back;
use super::deliver::{Buffers, deliver};
use super::outcome::{Outcome, Taken};
use super::report::{log, log_together, show};
use super::verdict::verdict;
use super::{Delivery, Lane, Verdict};
use crate::handler::AttemptError;
use crate::runtime::{Panic, catch};
use crate::schedule::{Entry, Step};

/// Starts worker `number` of `lane`.
pub(super) fn start(lane: Arc<Lane>, number: usize, runtime: &Handle) {
    let worker = Worker { lane, number };
    runtime.spawn(async move {
        // What panics outside an attempt, such as the `Drop` of an event, ends the worker's run. That is a
        // failed attempt of what it had taken, and it starts again.
        while let Err(Panic(message)) = catch(|| worker.run()).await {
            let handler = &*worker.lane.name;
            tracing::error!(handler, panic = message, "settling a delivery panicked");
            worker.fail_taken(&message);
        }
    });
}

struct Worker {
    lane: Arc<Lane>,
    number: usize,
}

impl Worker {
    /// Makes one attempt after another until the application stops.
    async fn run(&self) {
        let lane = &*self.lane;
        let (mut buffers, mut settling) = (Buffers::default(), Settling::default());
        while lane.next(self.number, &mut buffers.taken).await {
            step_back(lane.shared.chance.as_deref()).await;
            if lane.shared.lifecycle.is_stopped() {
                return;
            }
            // When the application stops, the deliveries stay in the schedule: the shutdown reports them.
            let Some(counted) = deliver(lane, &mut buffers).await else { return };
            lane.count(self.number, counted);
            let Buffers { taken, outcomes, .. } = &mut buffers;
            if taken.len() > 1 {
                log_together(lane, taken, outcomes);
            }
            self.settle(taken, outcomes, &mut settling);
            taken.clear();
            outcomes.clear();
            // A handler that never waits must not keep the thread from other tasks.
            tokio::task::coop::consume_budget().await;
        }
    }

    /// Each delivery is done, retried, or dead.
    fn settle(
        &self,
        taken: &[Taken],
        outcomes: &[Outcome],
        Settling { steps, finished }: &mut Settling,
    ) {
        let lane = &*self.lane;
        let now = || Instant::now().into_std();
        steps.clear();
        for (taken, outcome) in taken.iter().zip(outcomes) {
            let fraction = || match &lane.shared.chance {
                Some(chance) => chance.fraction(),
                None => fastrand::f64(),
            };
            let (step, retry_in) = verdict(outcome, &lane.options, taken.attempt, now, fraction);
            if step != Step::Return {
                log(lane, taken, outcome, retry_in);
                show(lane, taken, outcome, retry_in);
            }
            steps.push(step);
        }
        lane.settle(self.number, steps, finished);
        // What is finished is in the order of what was taken.
        let ends = taken.iter().zip(outcomes).zip(&*steps);
        let ends = ends.filter(|(_, step)| **step == Step::Finish);
        for (entry, ((taken, outcome), _)) in finished.iter().zip(ends) {
            let attempts = taken.attempt;
            entry.item.settle(match outcome.error() {
                None => Verdict::Done { attempts },
                Some(error) => Verdict::Dead { attempts, error },
            });
        }
        finished.clear();
    }

    fn fail_taken(&self, message: &str) {
        self.lane.count(self.number, Counted::Failure);
        let taken = self.lane.taken(self.number);
        let panicked = || Outcome::Failed(AttemptError::Panicked(message.to_owned()));
        let outcomes: Vec<_> = taken.iter().map(|_| panicked()).collect();
        self.settle(&taken, &outcomes, &mut Settling::default());
    }
}

/// What a worker uses to settle one attempt after another.
#[derive(Default)]
struct Settling {
    steps: Vec<Step>,
    finished: Vec<Entry<Delivery>>,
}
