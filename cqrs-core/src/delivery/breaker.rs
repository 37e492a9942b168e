//! Stops attempts at a handler that fails and fails.

use std::time::Duration;

use tokio::time::Instant;

use crate::handler::BreakerPolicy;

/// Where a handler's circuit breaker is.
///
/// After Nygard, "Release It!" (2007).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// With the number of failed attempts since the last one that succeeded.
    Closed(u32),
    /// No attempt before this; the next one after it is the probe.
    Open(Instant),
    /// With the worker that makes the probe.
    Probing(usize),
}

/// Why no attempt may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Until(Instant),
    /// Until something else happens, which wakes those who wait.
    UntilTold,
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

    pub(super) fn hold(&self, now: Instant) -> Option<Hold> {
        match self.state {
            State::Open(until) if now < until => Some(Hold::Until(until)),
            State::Probing(_) => Some(Hold::UntilTold),
            State::Closed(_) | State::Open(_) => None,
        }
    }

    /// `worker` begins an attempt.
    pub(super) fn begin(&mut self, worker: usize) {
        if let State::Open(_) = self.state {
            self.state = State::Probing(worker);
        }
    }

    /// `worker`'s attempt came to its end. What began before the breaker opened decides nothing more.
    pub(super) fn end(&mut self, worker: usize, succeeded: bool, now: Instant) -> Option<Change> {
        match self.state {
            State::Closed(failures) => {
                let failures = if succeeded { 0 } else { failures + 1 };
                self.state = State::Closed(failures);
                (failures >= self.policy.failures()).then(|| self.open(now))
            }
            State::Probing(probing) if probing == worker => Some(if succeeded {
                self.state = State::Closed(0);
                Change::Closed
            } else {
                self.open(now)
            }),
            State::Open(_) | State::Probing(_) => None,
        }
    }

    /// `worker` is gone without having ended its attempt. Another one may make the probe.
    pub(super) fn abandon(&mut self, worker: usize, now: Instant) {
        if matches!(self.state, State::Probing(probing) if probing == worker) {
            self.state = State::Open(now);
        }
    }

    fn open(&mut self, now: Instant) -> Change {
        let cooldown = self.policy.cooldown();
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
        for succeeded in [false, true, false] {
            assert_eq!(breaker.end(0, succeeded, now), None);
            assert_eq!(breaker.hold(now), None);
        }
        assert_eq!(breaker.end(0, false, now), Some(OPENED));
        assert_eq!(breaker.state(now), BreakerState::Open);
        assert_eq!(breaker.hold(now), Some(Hold::Until(now + COOLDOWN)));
        assert_eq!(breaker.end(1, true, now), None, "it began before");
        assert_eq!(breaker.state(now), BreakerState::Open);
    }

    #[test]
    fn after_the_cooldown_one_attempt_decides() {
        for succeeds in [true, false] {
            let (mut breaker, now) = breaker();
            breaker.end(0, false, now);
            breaker.end(0, false, now);
            let later = now + COOLDOWN;
            assert_eq!(breaker.state(later), BreakerState::HalfOpen);
            assert_eq!(breaker.hold(later), None);
            breaker.begin(3);
            assert_eq!(breaker.hold(later), Some(Hold::UntilTold), "only one");
            assert_eq!(breaker.end(1, !succeeds, later), None, "another one that began before");
            let change = breaker.end(3, succeeds, later);
            assert_eq!(change, Some(if succeeds { Change::Closed } else { OPENED }));
            let again = (!succeeds).then_some(Hold::Until(later + COOLDOWN));
            assert_eq!(breaker.hold(later), again);
        }
    }

    #[test]
    fn a_probe_that_nobody_finishes_is_made_by_another_worker() {
        let (mut breaker, now) = breaker();
        breaker.end(0, false, now);
        breaker.end(0, false, now);
        breaker.begin(3);
        breaker.abandon(2, now);
        assert_eq!(breaker.hold(now), Some(Hold::UntilTold));
        breaker.abandon(3, now);
        assert_eq!(breaker.hold(now), None);
    }
}
