//! How many events a handler gets at once.

use std::num::NonZeroUsize;

const MOST: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// How many events a [`BatchEventHandler`](super::BatchEventHandler) gets at once, and whether tenants are
/// mixed.
///
/// ```
/// use cqrs_core::handler::BatchPolicy;
///
/// let policy = BatchPolicy::new(500);
/// assert_eq!(policy.max(), 500);
/// assert!(!policy.is_across_tenants());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    max: NonZeroUsize,
    across_tenants: bool,
}

impl BatchPolicy {
    /// At most `max` events of one tenant at once, 1 to 10,000; less counts as 1, more as 10,000. A batch
    /// takes the deliveries that are queued and does not wait: the next batch forms while an earlier one is
    /// being handled.
    pub const fn new(max: usize) -> Self {
        let max = match NonZeroUsize::new(max) {
            None => NonZeroUsize::MIN,
            Some(max) if max.get() > MOST.get() => MOST,
            Some(max) => max,
        };
        Self { max, across_tenants: false }
    }

    /// Puts events of several tenants into one batch. The handler then runs in the system scope, and must
    /// keep the tenants apart itself.
    pub const fn across_tenants(mut self) -> Self {
        self.across_tenants = true;
        self
    }

    /// The most events in a batch.
    pub const fn max(&self) -> usize {
        self.max.get()
    }

    /// Whether a batch may contain events of several tenants.
    pub const fn is_across_tenants(&self) -> bool {
        self.across_tenants
    }
}
