//! Stops attempts at a handler that fails repeatedly.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::handler::BreakerPolicy;

/// Where a handler's circuit breaker is.
///
/// After Nygard, "Release It!" (2007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BreakerState {
    /// Attempts are made.
    Closed,
    /// Too many attempts in a row have failed: none is made until the cooldown is over. Deliveries
    /// wait, and keep their attempts.
    Open,
    /// The cooldown is over: one attempt decides whether the breaker closes or opens again.
    HalfOpen,
}

impl std::fmt::Display for BreakerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// With the number of attempts that failed in a row.
    Closed(u32),
    /// No attempt before this; the next one after it is the probe.
    Open(Instant),
    /// With the worker that makes the probe.
    Probing(usize),
}

/// No attempt may begin: until then, or until something happens that wakes the workers.
pub(super) type NotReady = Option<Instant>;

/// How an attempt's end counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Success,
    Failure,
    /// It says nothing about whether the handler works.
    Neither,
}

/// What an attempt's end led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Opened { cooldown: Duration },
    Closed,
}

impl Breaker {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: State::Closed(0) }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed(_) => BreakerState::Closed,
            State::Open(until) if now < until => BreakerState::Open,
            State::Open(_) | State::Probing(_) => BreakerState::HalfOpen,
        }
    }

    pub(super) fn check(&self, now: Instant) -> Result<(), NotReady> {
        match self.state {
            State::Open(until) if now < until => Err(Some(until)),
            State::Probing(_) => Err(None),
            State::Closed(_) | State::Open(_) => Ok(()),
        }
    }

    /// `worker` begins an attempt.
    pub(super) fn begin(&mut self, worker: usize) {
        if let State::Open(_) = self.state {
            self.state = State::Probing(worker);
        }
    }

    /// An attempt of `worker` has ended. One that began before the breaker opened decides nothing more.
    pub(super) fn end(&mut self, worker: usize, counted: Counted, now: Instant) -> Option<Change> {
        match (self.state, counted) {
            (State::Closed(failures), Counted::Failure) => {
                self.state = State::Closed(failures + 1);
                (failures + 1 >= self.policy.failures).then(|| self.open(now))
            }
            (State::Closed(_), Counted::Success) => {
                self.state = State::Closed(0);
                None
            }
            (State::Probing(probing), counted) if probing == worker => match counted {
                Counted::Success => {
                    self.state = State::Closed(0);
                    Some(Change::Closed)
                }
                Counted::Failure => Some(self.open(now)),
                Counted::Neither => {
                    // The next attempt decides.
                    self.state = State::Open(now);
                    None
                }
            },
            _ => None,
        }
    }

    fn open(&mut self, now: Instant) -> Change {
        let cooldown = self.policy.cooldown;
        self.state = State::Open(now + cooldown);
        Change::Opened { cooldown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Duration = Duration::from_secs(30);
    const OPENED: Change = Change::Opened { cooldown: COOLDOWN };

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(BreakerPolicy::new(2, COOLDOWN)), Instant::now())
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row() {
        let (mut breaker, now) = breaker();
        for counted in [Counted::Failure, Counted::Success, Counted::Failure] {
            assert_eq!(breaker.end(0, counted, now), None);
            assert_eq!(breaker.check(now), Ok(()));
        }
        assert_eq!(breaker.end(0, Counted::Failure, now), Some(OPENED));
        assert_eq!(breaker.state(now), BreakerState::Open);
        assert_eq!(breaker.check(now), Err(Some(now + COOLDOWN)));
        assert_eq!(breaker.end(1, Counted::Success, now), None, "it began before");
        assert_eq!(breaker.state(now), BreakerState::Open);
    }

    #[test]
    fn after_the_cooldown_one_attempt_decides() {
        for succeeds in [true, false] {
            let counted = |succeeds| if succeeds { Counted::Success } else { Counted::Failure };
            let (mut breaker, now) = breaker();
            breaker.end(0, Counted::Failure, now);
            breaker.end(0, Counted::Failure, now);
            let later = now + COOLDOWN;
            assert_eq!(breaker.state(later), BreakerState::HalfOpen);
            assert_eq!(breaker.check(later), Ok(()));
            breaker.begin(3);
            assert_eq!(breaker.check(later), Err(None), "only one");
            assert_eq!(
                breaker.end(1, counted(!succeeds), later),
                None,
                "another one that began before"
            );
            let change = breaker.end(3, counted(succeeds), later);
            assert_eq!(change, Some(if succeeds { Change::Closed } else { OPENED }));
            let again = if succeeds { Ok(()) } else { Err(Some(later + COOLDOWN)) };
            assert_eq!(breaker.check(later), again);
        }
    }

    #[test]
    fn after_an_attempt_that_says_nothing_another_one_decides() {
        let (mut breaker, now) = breaker();
        breaker.end(0, Counted::Failure, now);
        breaker.end(0, Counted::Neither, now);
        breaker.end(0, Counted::Failure, now);
        breaker.begin(3);
        breaker.end(2, Counted::Neither, now);
        assert_eq!(breaker.check(now), Err(None));
        assert_eq!(breaker.end(3, Counted::Neither, now), None);
        assert_eq!(breaker.check(now), Ok(()));
    }
}
