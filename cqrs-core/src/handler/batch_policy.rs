//! How many events a handler gets at once.

use std::num::NonZeroUsize;
use std::time::Duration;

const MOST: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Longer is a queue of its own.
const LONGEST_LINGER: Duration = Duration::from_mins(1);

/// How many events a [`BatchEventHandler`](super::BatchEventHandler) gets at once, how long is waited for
/// them, and whether tenants are mixed.
///
/// ```
/// use std::time::Duration;
/// use cqrs_core::BatchPolicy;
///
/// let policy = BatchPolicy::new(500).linger(Duration::from_millis(20));
/// assert_eq!((policy.max(), policy.longest_linger()), (500, Duration::from_millis(20)));
/// assert!(!policy.is_across_tenants());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    max: NonZeroUsize,
    linger: Duration,
    across_tenants: bool,
}

impl BatchPolicy {
    /// At most `max` events of one tenant at once, 1 to 10,000; less counts as 1, more as 10,000. What
    /// is there is taken at once: batches form by themselves while an earlier one is being handled.
    pub const fn new(max: usize) -> Self {
        let max = match NonZeroUsize::new(max) {
            None => NonZeroUsize::MIN,
            Some(max) if max.get() > MOST.get() => MOST,
            Some(max) => max,
        };
        Self { max, linger: Duration::ZERO, across_tenants: false }
    }

    /// Waits for a batch to fill, from its first event on for at most this long; more than a minute
    /// counts as a minute. A shutdown ends the wait, and so does a full queue.
    pub const fn linger(mut self, linger: Duration) -> Self {
        let is_too_long = linger.as_secs() >= LONGEST_LINGER.as_secs();
        self.linger = if is_too_long { LONGEST_LINGER } else { linger };
        self
    }

    /// Puts events of several tenants into one batch. The handler runs in the system scope then, and
    /// has to keep tenants apart itself.
    pub const fn across_tenants(mut self) -> Self {
        self.across_tenants = true;
        self
    }

    /// The most events in a batch.
    pub const fn max(&self) -> usize {
        self.max.get()
    }

    /// For how long a batch may be waited for.
    pub const fn longest_linger(&self) -> Duration {
        self.linger
    }

    /// Whether a batch may hold events of several tenants.
    pub const fn is_across_tenants(&self) -> bool {
        self.across_tenants
    }
}
