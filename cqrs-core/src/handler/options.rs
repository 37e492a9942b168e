//! How a handler runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BreakerPolicy, ErrorType, RateLimit, RetryPolicy};

/// How a handler runs: retries, time-out, concurrency, order, rate and circuit breaker, as set in its
/// annotation. For handlers of commands and queries, only the time-out counts, and the retry policy for commands that are
/// retried.
///
/// An option that is not set has the application's [default](crate::AppBuilder::defaults), or else the default that its
/// method names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HandlerOptions {
    pub(super) retry: Option<RetryPolicy>,
    pub(super) never: Option<&'static [ErrorType]>,
    #[expect(clippy::option_option, reason = "\"no limit\" is a value that can be set")]
    pub(super) timeout: Option<Option<Duration>>,
    pub(super) deliver_within: Option<Duration>,
    pub(super) concurrency: Option<usize>,
    pub(super) order: Option<Order>,
    #[expect(clippy::option_option, reason = "\"no limit\" is a value that can be set")]
    pub(super) rate: Option<Option<RateLimit>>,
    #[expect(clippy::option_option, reason = "\"no breaker\" is a value that can be set")]
    pub(super) breaker: Option<Option<BreakerPolicy>>,
    pub(super) dead_letters: Option<DeadLetters>,
    pub(super) start: Option<Start>,
    pub(super) is_transient: bool,
}

impl HandlerOptions {
    /// No option is set. A handler then has five attempts with back-off from 100 ms to 30 s, 30 seconds for each attempt,
    /// concurrency 8, no rate limit, and no circuit breaker.
    pub const DEFAULT: Self = Self {
        retry: None,
        never: None,
        timeout: None,
        deliver_within: None,
        concurrency: None,
        order: None,
        rate: None,
        breaker: None,
        dead_letters: None,
        start: None,
        is_transient: false,
    };

    /// How often a delivery is attempted. Default: [`RetryPolicy::DEFAULT`].
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Errors of these types are permanent, as if the handler had called [`HandlerError::permanent`](super::HandlerError::permanent);
    /// Default: only errors that are marked permanent.
    ///
    /// ```
    /// use cqrs_core::HandlerOptions;
    /// use cqrs_core::handler::ErrorType;
    ///
    /// const OPTIONS: HandlerOptions =
    ///     HandlerOptions::DEFAULT.never_retry(&[ErrorType::of::<std::num::ParseIntError>()]);
    /// # let _ = OPTIONS;
    /// ```
    pub const fn never_retry(mut self, errors: &'static [ErrorType]) -> Self {
        self.never = Some(errors);
        self
    }

    /// How old an event may be, by the wall clock since [it occurred](crate::AnyEvent::occurred_at), when an attempt
    /// begins. The delivery of an older event expires: it is not attempted and has failed for good, with an error that begins
    /// with "expired". The wait for another attempt counts too. Default: any age.
    pub const fn deliver_within(mut self, age: Duration) -> Self {
        self.deliver_within = Some(age);
        self
    }

    /// Whether a delivery that has failed for good is kept as a dead letter. Default: it is kept.
    pub const fn dead_letters(mut self, dead_letters: DeadLetters) -> Self {
        self.dead_letters = Some(dead_letters);
        self
    }

    /// How long one attempt may take; `None` for no limit. Without it, 30 seconds.
    pub const fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many entities the handler works on at the same time, 1 to 1,024; less counts as 1, more as
    /// 1,024. Without it, 8.
    pub const fn concurrency(mut self, limit: usize) -> Self {
        self.concurrency = Some(super::clamp(limit, 1024));
        self
    }

    /// Which events are handled in publish order, one at a time; without it, [`Order::Key`].
    pub const fn order(mut self, order: Order) -> Self {
        self.order = Some(order);
        self
    }

    /// How many attempts are made in what time; without it, as many as come.
    pub const fn rate(mut self, limit: RateLimit) -> Self {
        self.rate = Some(Some(limit));
        self
    }

    /// As many attempts as come, also if the application's default is a [`rate`](Self::rate).
    pub const fn without_rate(mut self) -> Self {
        self.rate = Some(None);
        self
    }

    /// Where the handler starts when it is new in an application with a store.
    pub const fn start(mut self, start: Start) -> Self {
        self.start = Some(start);
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
        self.breaker = Some(Some(policy));
        self
    }

    /// No circuit breaker, also if the application's default is a [`breaker`](Self::breaker).
    pub const fn without_breaker(mut self) -> Self {
        self.breaker = Some(None);
        self
    }
}

/// Whether a delivery that has failed for good is kept as a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetters {
    /// It becomes a dead letter, which can be delivered again.
    #[default]
    Keep,
    /// It is logged and counted, and not kept. For handlers whose work loses its value soon, such as caches.
    Discard,
    /// It becomes a dead letter, and the later events of its order key wait for this handler until the dead letter is
    /// delivered again with success, or an operator [discards](crate::operations::Operations::discard) it. For handlers that
    /// must not go on with an entity after an event is missing, such as a ledger. Other keys and other handlers go on.
    ///
    /// An event without an order key has none behind it: this is then the same as `Keep`. What waits takes its place in the
    /// queue, so publishers wait when the queue is full. With a store, at most 10,000 deliveries can be parked in a shard
    /// before the handler's other events in it wait too.
    Block,
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
