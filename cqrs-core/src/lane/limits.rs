//! Whether the next attempt may begin: not while the handler is paused, not beyond its rate, not while its
//! circuit breaker is open.

use super::breaker::{Breaker, BreakerState, Change, Counted, NotReady};
use super::rate::Rate;
use crate::handler::EffectiveOptions;
use crate::runtime::Clock;

pub(super) struct Limits {
    pub(super) is_paused: bool,
    rate: Option<Rate>,
    breaker: Option<Breaker>,
}

impl Limits {
    pub(super) fn new(options: &EffectiveOptions) -> Self {
        Self {
            is_paused: false,
            rate: options.rate.map(Rate::new),
            breaker: options.breaker.map(Breaker::new),
        }
    }

    /// Whether an attempt may begin, or what it has to wait for.
    #[inline]
    pub(super) fn check(&self, clock: &Clock) -> Result<(), NotReady> {
        if self.is_paused {
            return Err(None);
        }
        if !self.are_timed() {
            return Ok(());
        }
        let now = clock.instant();
        self.breaker.as_ref().map_or(Ok(()), |breaker| breaker.check(now))?;
        self.rate.as_ref().map_or(Ok(()), |rate| rate.check(now))
    }

    /// Begins an attempt of `worker`, which [`check`](Self::check) allows.
    #[inline]
    pub(super) fn begin(&mut self, worker: usize, clock: &Clock) {
        if let Some(breaker) = &mut self.breaker {
            breaker.begin(worker);
        }
        if let Some(rate) = &mut self.rate {
            rate.begin(clock.instant());
        }
    }

    /// An attempt of `worker` has ended.
    pub(super) fn end(&mut self, worker: usize, counted: Counted, clock: &Clock) -> Option<Change> {
        self.breaker.as_mut()?.end(worker, counted, clock.instant())
    }

    /// Whether time alone may hold an attempt back.
    pub(super) fn are_timed(&self) -> bool {
        self.rate.is_some() || self.breaker.is_some()
    }

    pub(super) fn breaker_state(&self, clock: &Clock) -> Option<BreakerState> {
        self.breaker.as_ref().map(|breaker| breaker.state(clock.instant()))
    }
}
