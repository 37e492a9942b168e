//! When a handler's circuit breaker opens, and for how long.

use std::time::Duration;

/// The longest cooldown: beyond it, the arithmetic of a clock ends.
const LONGEST_COOLDOWN: Duration = Duration::from_hours(24 * 365);

/// When a handler stops being tried because whatever it depends on is down.
///
/// After `failures` failed attempts in a row, of whichever deliveries, the breaker opens: no attempt is
/// made for `cooldown`. Deliveries wait meanwhile and keep their attempts. Then one attempt decides: if
/// it succeeds, the breaker closes; if it fails, the breaker opens again. See
/// [`BreakerState`](crate::BreakerState), and [`App::handler`](crate::App::handler) for where it is.
///
/// ```
/// use std::time::Duration;
/// use cqrs_core::BreakerPolicy;
///
/// let policy = BreakerPolicy::new(5, Duration::from_secs(30));
/// assert_eq!(policy, BreakerPolicy::default());
/// assert_eq!((policy.failures(), policy.cooldown()), (5, Duration::from_secs(30)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    failures: u32,
    cooldown: Duration,
}

impl BreakerPolicy {
    /// Opens after `failures` failed attempts in a row, for `cooldown`. 0 failures count as 1; more than
    /// a year counts as a year.
    pub const fn new(failures: u32, cooldown: Duration) -> Self {
        let failures = if failures == 0 { 1 } else { failures };
        let is_too_long = cooldown.as_secs() >= LONGEST_COOLDOWN.as_secs();
        Self { failures, cooldown: if is_too_long { LONGEST_COOLDOWN } else { cooldown } }
    }

    /// After how many failed attempts in a row it opens.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// How long no attempt is made.
    pub const fn cooldown(&self) -> Duration {
        self.cooldown
    }
}

impl Default for BreakerPolicy {
    /// Five failures, 30 seconds.
    fn default() -> Self {
        Self::new(5, Duration::from_secs(30))
    }
}
