//! How many attempts a handler makes in what time.

use std::time::Duration;

/// How many attempts a handler makes at most in a second, a minute or an hour; a retry is an attempt.
///
/// Attempts are spaced evenly: with 100 a second, one begins every 10 milliseconds, and time without
/// attempts earns no burst. Only after an attempt that began up to 5 milliseconds late, as timers do,
/// the next one comes that much sooner. The limit is one handler's in one process. What has to wait
/// stays queued.
///
/// ```
/// use std::time::Duration;
/// use cqrs_core::handler::RateLimit;
///
/// assert_eq!(RateLimit::per_second(100).interval(), Duration::from_millis(10));
/// assert_eq!(RateLimit::per_minute(2).interval(), Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    attempts: u32,
    /// A second, a minute or an hour.
    period: Duration,
}

impl RateLimit {
    /// At most `attempts` in a second; 0 counts as 1.
    pub const fn per_second(attempts: u32) -> Self {
        Self::per(attempts, Duration::from_secs(1))
    }

    /// At most `attempts` in a minute; 0 counts as 1.
    pub const fn per_minute(attempts: u32) -> Self {
        Self::per(attempts, Duration::from_mins(1))
    }

    /// At most `attempts` in an hour; 0 counts as 1.
    pub const fn per_hour(attempts: u32) -> Self {
        Self::per(attempts, Duration::from_hours(1))
    }

    const fn per(attempts: u32, period: Duration) -> Self {
        Self { attempts: if attempts == 0 { 1 } else { attempts }, period }
    }

    /// From the beginning of an attempt to that of the next.
    pub fn interval(&self) -> Duration {
        self.period / self.attempts
    }
}

impl std::fmt::Display for RateLimit {
    /// As it is written in an annotation: `100/s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.period.as_secs() {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.attempts)
    }
}
