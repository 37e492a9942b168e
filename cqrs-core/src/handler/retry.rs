//! How often a failed delivery is attempted again, and after which wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a delivery is attempted, and how long it waits between attempts.
///
/// The wait before attempt *n* + 1 is random between zero and `backoff * 2^(n-1)`, at most `max`:
/// exponential back-off with full jitter. While a delivery waits, later deliveries of the same order key
/// wait behind it; those of other order keys continue.
///
/// ```
/// use std::time::Duration;
/// use cqrs_core::RetryPolicy;
///
/// let policy = RetryPolicy::exponential(5, Duration::from_millis(100), Duration::from_secs(30));
/// assert_eq!(policy, RetryPolicy::DEFAULT);
/// assert_eq!(policy.longest_delay_after(3), Some(Duration::from_millis(400)));
/// assert_eq!(policy.longest_delay_after(5), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    pub(crate) attempts: u32,
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub(crate) backoff: Duration,
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub(crate) max: Duration,
}

impl RetryPolicy {
    /// Five attempts, back-off from 100 milliseconds to at most 30 seconds.
    pub const DEFAULT: Self =
        Self::exponential(5, Duration::from_millis(100), Duration::from_secs(30));

    /// At most `attempts` attempts; 0 counts as 1. The wait is up to `backoff` after the first attempt,
    /// twice as long after each further one, and never longer than `max`.
    pub const fn exponential(attempts: u32, backoff: Duration, max: Duration) -> Self {
        Self { attempts: if attempts == 0 { 1 } else { attempts }, backoff, max }
    }

    /// One attempt, no retry.
    pub const fn none() -> Self {
        Self::exponential(1, Duration::ZERO, Duration::ZERO)
    }

    /// With at most `attempts` attempts; 0 counts as 1.
    pub const fn with_attempts(self, attempts: u32) -> Self {
        Self::exponential(attempts, self.backoff, self.max)
    }

    /// With waits of up to `backoff` after the first attempt. A [maximum](Self::with_max_backoff) below `backoff`
    /// becomes `backoff`.
    pub const fn with_backoff(self, backoff: Duration) -> Self {
        let max = if backoff.as_nanos() > self.max.as_nanos() { backoff } else { self.max };
        Self::exponential(self.attempts, backoff, max)
    }

    /// With waits of at most `max`.
    pub const fn with_max_backoff(self, max: Duration) -> Self {
        Self::exponential(self.attempts, self.backoff, max)
    }

    /// The longest wait after the failed attempt number `attempt` (from 1); `None` when it was the
    /// last.
    pub fn longest_delay_after(&self, attempt: u32) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doublings = attempt.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        Some(self.backoff.saturating_mul(factor).min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_maximum_and_never_overflows() {
        let policy =
            RetryPolicy::exponential(100, Duration::from_millis(100), Duration::from_secs(1));
        let delays: Vec<_> =
            (1..=6).map(|n| policy.longest_delay_after(n).unwrap().as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(policy.longest_delay_after(99), Some(Duration::from_secs(1)));
        assert_eq!(policy.longest_delay_after(100), None);
    }

    #[test]
    fn a_longer_backoff_raises_the_longest_wait() {
        let policy = RetryPolicy::DEFAULT.with_backoff(Duration::from_mins(1));
        assert_eq!(policy.longest_delay_after(2), Some(Duration::from_mins(1)));
        let policy = RetryPolicy::DEFAULT.with_backoff(Duration::from_secs(1)).with_attempts(0);
        assert_eq!(
            policy,
            RetryPolicy::exponential(1, Duration::from_secs(1), Duration::from_secs(30))
        );
    }

    #[test]
    fn no_retry_is_one_attempt() {
        assert_eq!(RetryPolicy::none().longest_delay_after(1), None);
    }
}
