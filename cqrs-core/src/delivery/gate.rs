//! Whether a lane's next attempt may begin: not while it is paused, not beyond its rate, not while its
//! circuit breaker is open.

use tokio::time::Instant;

use super::breaker::{Breaker, BreakerState, Change, Hold};
use super::rate::Rate;
use crate::handler::HandlerOptions;

pub(super) struct Gate {
    pub(super) is_paused: bool,
    rate: Option<Rate>,
    breaker: Option<Breaker>,
}

impl Gate {
    pub(super) fn new(options: &HandlerOptions) -> Self {
        Self {
            is_paused: false,
            rate: options.rate.map(Rate::new),
            breaker: options.breaker.map(Breaker::new),
        }
    }

    /// Lets `worker` begin an attempt, or says what it has to wait for.
    pub(super) fn enter(&mut self, worker: usize) -> Result<(), Hold> {
        if self.is_paused {
            return Err(Hold::UntilTold);
        }
        if self.rate.is_none() && self.breaker.is_none() {
            return Ok(());
        }
        let now = Instant::now();
        if let Some(hold) = self.breaker.as_ref().and_then(|breaker| breaker.hold(now)) {
            return Err(hold);
        }
        if let Some(until) = self.rate.as_ref().and_then(|rate| rate.hold(now)) {
            return Err(Hold::Until(until));
        }
        if let Some(breaker) = &mut self.breaker {
            breaker.begin(worker);
        }
        if let Some(rate) = &mut self.rate {
            rate.begin(now);
        }
        Ok(())
    }

    /// `worker`'s attempt came to its end.
    pub(super) fn end(&mut self, worker: usize, succeeded: bool) -> Option<Change> {
        self.breaker.as_mut()?.end(worker, succeeded, Instant::now())
    }

    /// `worker` is gone, perhaps in the middle of an attempt.
    pub(super) fn abandon(&mut self, worker: usize) {
        if let Some(breaker) = &mut self.breaker {
            breaker.abandon(worker, Instant::now());
        }
    }

    /// Whether time alone may hold an attempt back.
    pub(super) fn is_timed(&self) -> bool {
        self.rate.is_some() || self.breaker.is_some()
    }

    pub(super) fn breaker_state(&self) -> Option<BreakerState> {
        self.breaker.as_ref().map(|breaker| breaker.state(Instant::now()))
    }
}
