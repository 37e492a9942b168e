//! How often a failed delivery is attempted again, and after which wait.

use std::fmt;
use std::time::Duration;

use jiff::fmt::friendly::SpanPrinter;
use serde::{Deserialize, Serialize};

/// The longest wait of a list.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// How often a delivery is attempted, and how long it waits between attempts.
///
/// The wait before attempt *n* + 1 is random between zero and `backoff * 2^(n-1)`, at most `max`:
/// exponential back-off with full jitter. Without jitter, it is exactly that long. A list of
/// [waits](Self::waits) is exact too. While a delivery waits, later deliveries of the same order key
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
///
/// let policy = RetryPolicy::waits(&[Duration::from_secs(1), Duration::from_mins(1)]);
/// assert_eq!(policy.longest_delay_after(2), Some(Duration::from_mins(1)));
/// assert_eq!(policy.longest_delay_after(3), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenRetry", into = "WrittenRetry")]
pub struct RetryPolicy {
    attempts: u32,
    waits: Waits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Exponential {
        backoff: Duration,
        max: Duration,
        has_jitter: bool,
    },
    /// In milliseconds, and their number, at least one.
    Listed([u32; RetryPolicy::MOST_WAITS], usize),
}

impl RetryPolicy {
    /// How many waits a list may have.
    pub(super) const MOST_WAITS: usize = 16;

    /// Five attempts, back-off from 100 milliseconds to at most 30 seconds.
    pub const DEFAULT: Self =
        Self::exponential(5, Duration::from_millis(100), Duration::from_secs(30));

    /// At most `attempts` attempts; 0 counts as 1. The wait is up to `backoff` after the first attempt,
    /// twice as long after each further one, and never longer than `max`.
    pub const fn exponential(attempts: u32, backoff: Duration, max: Duration) -> Self {
        let waits = Waits::Exponential { backoff, max, has_jitter: true };
        Self { attempts: at_least_one(attempts), waits }
    }

    /// Exactly these waits, each followed by one more attempt; without waits, one attempt. Each has whole milliseconds and at
    /// most 24 hours: a longer one counts as 24 hours. At most 16: further ones are left out.
    pub const fn waits(waits: &[Duration]) -> Self {
        let (mut millis, mut count, mut attempts) = ([0; Self::MOST_WAITS], 0, 1);
        while count < waits.len() && count < Self::MOST_WAITS {
            millis[count] = millis_of(waits[count]);
            count += 1;
            attempts += 1;
        }
        if count == 0 {
            return Self::none();
        }
        Self { attempts, waits: Waits::Listed(millis, count) }
    }

    /// One attempt, no retry.
    pub const fn none() -> Self {
        Self::exponential(1, Duration::ZERO, Duration::ZERO)
    }

    /// With at most `attempts` attempts; 0 counts as 1. If a list of waits is shorter, its last one is repeated.
    pub const fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts: at_least_one(attempts), ..self }
    }

    /// With waits of up to `backoff` after the first attempt. A [maximum](Self::with_max_backoff) below `backoff`
    /// becomes `backoff`. A list of waits is replaced.
    pub const fn with_backoff(self, backoff: Duration) -> Self {
        let (_, max, has_jitter) = self.backoff();
        let max = if backoff.as_nanos() > max.as_nanos() { backoff } else { max };
        Self { waits: Waits::Exponential { backoff, max, has_jitter }, ..self }
    }

    /// With waits of at most `max`; a longer `backoff` becomes `max`. A list of waits is replaced.
    pub const fn with_max_backoff(self, max: Duration) -> Self {
        let (backoff, _, has_jitter) = self.backoff();
        let backoff = if backoff.as_nanos() > max.as_nanos() { max } else { backoff };
        Self { waits: Waits::Exponential { backoff, max, has_jitter }, ..self }
    }

    /// Each wait is exactly as long as the back-off, and not random. Deliveries that failed at the same time are then
    /// attempted again at the same time.
    pub const fn without_jitter(self) -> Self {
        self.with_jitter(false)
    }

    /// A list of waits never has jitter.
    const fn with_jitter(self, has_jitter: bool) -> Self {
        match self.waits {
            Waits::Exponential { backoff, max, .. } => {
                Self { waits: Waits::Exponential { backoff, max, has_jitter }, ..self }
            }
            Waits::Listed(..) => self,
        }
    }

    /// The longest wait after the failed attempt number `attempt` (from 1); `None` when it was the
    /// last.
    pub fn longest_delay_after(&self, attempt: u32) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let before = attempt.saturating_sub(1);
        Some(match &self.waits {
            Waits::Exponential { backoff, max, .. } => {
                let factor = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
                backoff.saturating_mul(factor).min(*max)
            }
            Waits::Listed(millis, count) => {
                let at = usize::try_from(before).map_or(count - 1, |at| at.min(count - 1));
                Duration::from_millis(millis[at].into())
            }
        })
    }

    /// How many attempts are made at most.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether a wait is random, up to the longest.
    pub(crate) fn has_jitter(&self) -> bool {
        matches!(self.waits, Waits::Exponential { has_jitter: true, .. })
    }

    /// The first wait, the longest, and whether they are random.
    const fn backoff(&self) -> (Duration, Duration, bool) {
        match (self.waits, Self::DEFAULT.waits) {
            (Waits::Exponential { backoff, max, has_jitter }, _)
            | (_, Waits::Exponential { backoff, max, has_jitter }) => (backoff, max, has_jitter),
            _ => (Duration::ZERO, Duration::ZERO, true),
        }
    }
}

const fn at_least_one(attempts: u32) -> u32 {
    if attempts == 0 { 1 } else { attempts }
}

/// A wait of a list.
#[expect(clippy::cast_possible_truncation, reason = "24 hours are fewer milliseconds")]
const fn millis_of(wait: Duration) -> u32 {
    if wait.as_secs() >= LONGEST_WAIT.as_secs() {
        LONGEST_WAIT.as_millis() as u32
    } else {
        wait.as_millis() as u32
    }
}

/// The form of a policy in a description and in a configuration: `{"attempts": 3, "backoff": "1s"}` or
/// `{"waits": ["1s", "1m"]}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "`attempts`, `backoff`, `max` and `jitter`, or `waits`; 1 attempt is no retry"
)]
pub(super) struct WrittenRetry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attempts: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) backoff: Option<FriendlyDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<FriendlyDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) jitter: Option<Jitter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) waits: Option<Vec<FriendlyDuration>>,
}

/// Whether exponential waits are random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Jitter {
    /// From zero to the back-off.
    Full,
    /// They are the back-off.
    None,
}

/// A duration such as `"1m 30s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FriendlyDuration(
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub(super)  Duration,
);

impl WrittenRetry {
    /// The policy; parts that are not written are those of `policy`.
    pub(super) fn over(&self, mut policy: RetryPolicy) -> RetryPolicy {
        let Self { attempts, backoff, max, jitter, waits } = self;
        // A handler that is not retried has no waits, which would be no waits between its new attempts either.
        if policy == RetryPolicy::none() {
            policy = RetryPolicy::DEFAULT.with_attempts(1);
        }
        if let Some(waits) = waits {
            policy = RetryPolicy::waits(&waits.iter().map(|wait| wait.0).collect::<Vec<_>>());
        }
        if let Some(FriendlyDuration(backoff)) = backoff {
            policy = policy.with_backoff(*backoff);
        }
        if let Some(FriendlyDuration(max)) = max {
            policy = policy.with_max_backoff(*max);
        }
        if let Some(jitter) = jitter {
            policy = policy.with_jitter(*jitter == Jitter::Full);
        }
        attempts.map_or(policy, |attempts| policy.with_attempts(attempts))
    }
}

impl From<WrittenRetry> for RetryPolicy {
    /// Parts that are not written are those of [`DEFAULT`](Self::DEFAULT).
    fn from(written: WrittenRetry) -> Self {
        written.over(Self::DEFAULT)
    }
}

impl From<RetryPolicy> for WrittenRetry {
    fn from(RetryPolicy { attempts, waits }: RetryPolicy) -> Self {
        let attempts = Some(attempts);
        match waits {
            Waits::Exponential { backoff, max, has_jitter } => Self {
                attempts,
                backoff: Some(FriendlyDuration(backoff)),
                max: Some(FriendlyDuration(max)),
                jitter: (!has_jitter).then_some(Jitter::None),
                waits: None,
            },
            Waits::Listed(millis, count) => {
                let waits = millis[..count].iter();
                let waits = waits.map(|it| FriendlyDuration(Duration::from_millis((*it).into())));
                Self { attempts, waits: Some(waits.collect()), ..Self::default() }
            }
        }
    }
}

impl fmt::Display for RetryPolicy {
    /// Writes the waits: `back-off 100ms to 30s`, or `waits 1s, 1m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |it: &Duration| SpanPrinter::new().unsigned_duration_to_string(it);
        match &self.waits {
            Waits::Exponential { backoff, max, has_jitter } => {
                let exactly = if *has_jitter { "" } else { " without jitter" };
                write!(f, "back-off {} to {}{exactly}", short(backoff), short(max))
            }
            Waits::Listed(millis, count) => {
                let waits = millis[..*count].iter();
                let waits: Vec<_> =
                    waits.map(|it| short(&Duration::from_millis((*it).into()))).collect();
                write!(f, "waits {}", waits.join(", "))
            }
        }
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
    fn a_list_of_waits_is_exact_and_its_last_one_is_repeated_for_more_attempts() {
        let minute = Duration::from_mins(1);
        let policy = RetryPolicy::waits(&[Duration::ZERO, minute]);
        assert!(!policy.has_jitter());
        let delays = [1, 2, 3].map(|attempt| policy.longest_delay_after(attempt));
        assert_eq!(delays, [Some(Duration::ZERO), Some(minute), None]);
        assert_eq!(policy.with_attempts(9).longest_delay_after(8), Some(minute));
        assert_eq!(policy.with_attempts(2).longest_delay_after(2), None);
        assert_eq!(RetryPolicy::waits(&[]), RetryPolicy::none());
        let many = RetryPolicy::waits(&[Duration::MAX; 100]);
        assert_eq!(many.attempts(), 17);
        assert_eq!(many.longest_delay_after(16), Some(Duration::from_hours(24)));
        let replaced = policy.with_backoff(Duration::from_secs(2));
        assert_eq!(replaced.longest_delay_after(1), Some(Duration::from_secs(2)));
    }

    #[test]
    fn each_policy_can_be_written_and_read() {
        let exact = RetryPolicy::DEFAULT.without_jitter();
        let waits = RetryPolicy::waits(&[Duration::from_secs(1), Duration::from_mins(1)]);
        for (policy, written) in [
            (RetryPolicy::DEFAULT, r#"{"attempts":5,"backoff":"100ms","max":"30s"}"#),
            (exact, r#"{"attempts":5,"backoff":"100ms","max":"30s","jitter":"none"}"#),
            (waits, r#"{"attempts":3,"waits":["1s","1m"]}"#),
        ] {
            assert_eq!(serde_json::to_string(&policy).unwrap(), written);
            assert_eq!(serde_json::from_str::<RetryPolicy>(written).unwrap(), policy);
        }
        assert_eq!(waits.to_string(), "waits 1s, 1m");
        assert_eq!(exact.to_string(), "back-off 100ms to 30s without jitter");
    }

    #[test]
    fn no_retry_is_one_attempt() {
        assert_eq!(RetryPolicy::none().longest_delay_after(1), None);
    }
}
