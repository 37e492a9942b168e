//! The options of a handler, with the default for each that is not set.

use std::time::Duration;

use super::{
    BreakerPolicy, DeadLetters, ErrorType, HandlerError, HandlerOptions, Order, RateLimit,
    RetryPolicy, Start,
};

/// The options of a handler, with the default for each that is not set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EffectiveOptions {
    pub(crate) retry: RetryPolicy,
    /// Errors of these types are permanent.
    pub(crate) never: &'static [ErrorType],
    pub(crate) timeout: Option<Duration>,
    pub(crate) deliver_within: Option<Duration>,
    pub(crate) concurrency: usize,
    pub(crate) order: Order,
    pub(crate) rate: Option<RateLimit>,
    pub(crate) breaker: Option<BreakerPolicy>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) start: Start,
    pub(crate) is_transient: bool,
}

impl EffectiveOptions {
    /// Whether `error` is permanent.
    pub(crate) fn is_permanent(&self, error: &HandlerError) -> bool {
        error.is_permanent() || self.never.iter().any(|never| never.is_inside(error))
    }
}

impl HandlerOptions {
    /// These options, with those of `defaults` for options that are not set.
    pub(crate) fn or(self, defaults: Self) -> Self {
        Self {
            retry: self.retry.or(defaults.retry),
            never: self.never.or(defaults.never),
            timeout: self.timeout.or(defaults.timeout),
            deliver_within: self.deliver_within.or(defaults.deliver_within),
            concurrency: self.concurrency.or(defaults.concurrency),
            order: self.order.or(defaults.order),
            rate: self.rate.or(defaults.rate),
            breaker: self.breaker.or(defaults.breaker),
            dead_letters: self.dead_letters.or(defaults.dead_letters),
            start: self.start.or(defaults.start),
            is_transient: self.is_transient || defaults.is_transient,
        }
    }

    /// Whether dead letters are to block their order keys.
    pub(crate) fn blocks(&self) -> bool {
        self.dead_letters == Some(DeadLetters::Block)
    }

    pub(crate) fn effective(&self) -> EffectiveOptions {
        EffectiveOptions {
            retry: self.retry.unwrap_or(RetryPolicy::DEFAULT),
            never: self.never.unwrap_or_default(),
            timeout: self.timeout.unwrap_or(Some(Duration::from_secs(30))),
            deliver_within: self.deliver_within,
            concurrency: self.concurrency.unwrap_or(8),
            order: self.order.unwrap_or_default(),
            rate: self.rate.flatten(),
            breaker: self.breaker.flatten(),
            dead_letters: self.dead_letters.unwrap_or_default(),
            start: self.start.unwrap_or_default(),
            is_transient: self.is_transient,
        }
    }
}
