//! How a handler runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BreakerPolicy, RateLimit, RetryPolicy};

/// How a handler runs: retries, time-out, concurrency, order, rate and circuit breaker, as set in its
/// annotation. Handlers of commands and queries use the time-out alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandlerOptions {
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: usize,
    pub(crate) order: Order,
    pub(crate) rate: Option<RateLimit>,
    pub(crate) breaker: Option<BreakerPolicy>,
    pub(crate) start: Start,
    pub(crate) is_transient: bool,
}

impl HandlerOptions {
    /// Five attempts with back-off from 100 ms to 30 s, 30 seconds for each attempt, concurrency 8, no rate
    /// limit, no circuit breaker.
    pub const DEFAULT: Self = Self {
        retry: RetryPolicy::DEFAULT,
        timeout: Some(Duration::from_secs(30)),
        concurrency: 8,
        order: Order::Key,
        rate: None,
        breaker: None,
        start: Start::Now,
        is_transient: false,
    };

    /// How often a failed delivery is tried.
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long one attempt may take; `None` for no limit.
    pub const fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many entities the handler works on at the same time, 1 to 1,024; less counts as 1, more as
    /// 1,024.
    pub const fn concurrency(mut self, limit: usize) -> Self {
        self.concurrency = super::clamp(limit, 1024);
        self
    }

    /// Which events are handled in publish order, one at a time.
    pub const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// How many attempts are made in what time; without it, as many as come.
    pub const fn rate(mut self, limit: RateLimit) -> Self {
        self.rate = Some(limit);
        self
    }

    /// Where the handler starts when it is new in an application with a store.
    pub const fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Keeps the handler in memory also in an application with a store: it gets what this process publishes while it
    /// runs, and nothing again after a crash. For caches and progress displays.
    pub const fn transient(mut self) -> Self {
        self.is_transient = true;
        self
    }

    /// When no attempts are made because too many have failed in a row; without it, never.
    pub const fn breaker(mut self, policy: BreakerPolicy) -> Self {
        self.breaker = Some(policy);
        self
    }
}

/// Where a handler starts when it is new in an application with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// After the events that are in the log when it first runs.
    #[default]
    Now,
    /// With the oldest event in the log.
    Beginning,
}

/// Which events a handler receives in publish order, one at a time. Other events it handles at the same
/// time, as many as its [`concurrency`](super::HandlerOptions::concurrency) allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The events of one order key: the tenant with the value of `#[event(order_by)]`, or else with the
    /// entity's type and id. Events without either have no order.
    #[default]
    Key,
    /// All events of one tenant.
    Tenant,
    /// None: for a handler whose result does not depend on the order of events.
    None,
}
