//! How a handler runs.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::{BreakerPolicy, Order, RateLimit, RetryPolicy};

const MAX_CONCURRENCY: usize = 1024;

/// How a handler runs: retries, time-out, concurrency, order, rate and circuit breaker, as set in its
/// annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandlerOptions {
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) order: Order,
    pub(crate) rate: Option<RateLimit>,
    pub(crate) breaker: Option<BreakerPolicy>,
}

impl HandlerOptions {
    /// Five attempts with back-off from 100 ms to 30 s, 30 seconds for each attempt, concurrency 8, no rate
    /// limit, no circuit breaker.
    pub const DEFAULT: Self = Self {
        retry: RetryPolicy::DEFAULT,
        timeout: Some(Duration::from_secs(30)),
        concurrency: NonZeroUsize::new(8).unwrap(),
        order: Order::Key,
        rate: None,
        breaker: None,
    };

    /// How often a delivery is attempted. Event handlers only.
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long one attempt may take; `None` for no limit.
    pub const fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// The concurrency: how many attempts run at the same time, 1 to 1,024; less counts as 1, more as
    /// 1,024. Event handlers only.
    pub const fn concurrency(mut self, limit: usize) -> Self {
        let limit = if limit > MAX_CONCURRENCY { MAX_CONCURRENCY } else { limit };
        self.concurrency = match NonZeroUsize::new(limit) {
            Some(limit) => limit,
            None => NonZeroUsize::MIN,
        };
        self
    }

    /// Which events are handled in publish order, one at a time. Event handlers only.
    pub const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// How many attempts begin in a period; `None` for no limit. Event handlers only.
    pub const fn rate(mut self, limit: RateLimit) -> Self {
        self.rate = Some(limit);
        self
    }

    /// When the circuit breaker opens; `None` for no circuit breaker. Event handlers only.
    pub const fn breaker(mut self, policy: BreakerPolicy) -> Self {
        self.breaker = Some(policy);
        self
    }
}

impl Default for HandlerOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}
