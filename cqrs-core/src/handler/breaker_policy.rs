//! When a handler's circuit breaker opens, and for how long.

use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::retry::FriendlyDuration;

/// The longest cooldown. A longer one could overflow the clock's arithmetic.
const LONGEST_COOLDOWN: Duration = Duration::from_hours(24 * 365);

/// When a handler makes no attempts because a service that it depends on is down.
///
/// After `failures` failed attempts in a row, of any deliveries, the breaker opens: no attempt is made for
/// `cooldown`. Deliveries wait meanwhile, and this does not count as an attempt. Then one attempt is made:
/// if it succeeds, the breaker closes; if it fails, the breaker opens again.
///
/// Errors, panics and time-outs of the handler count as failures. Permanent errors and refusals by
/// middleware say nothing about a dependency, so they count only with [`counting_all`](Self::counting_all).
/// [`App::handler`](crate::App::handler) shows the [`BreakerState`](crate::lane::BreakerState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerPolicy {
    pub(crate) failures: u32,
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub(crate) cooldown: Duration,
    /// Whether permanent errors and refusals by middleware count too.
    pub(crate) counts_all: bool,
}

impl BreakerPolicy {
    /// Five failures, 30 seconds.
    pub const DEFAULT: Self = Self::new(5, Duration::from_secs(30));

    /// Opens after `failures` failed attempts in a row, for `cooldown`. 0 failures count as 1; more than
    /// a year counts as a year.
    pub const fn new(failures: u32, cooldown: Duration) -> Self {
        let failures = if failures == 0 { 1 } else { failures };
        let is_too_long = cooldown.as_secs() >= LONGEST_COOLDOWN.as_secs();
        let cooldown = if is_too_long { LONGEST_COOLDOWN } else { cooldown };
        Self { failures, cooldown, counts_all: false }
    }

    /// Opens after `failures` failed attempts in a row; 0 counts as 1.
    pub const fn with_failures(self, failures: u32) -> Self {
        Self { counts_all: self.counts_all, ..Self::new(failures, self.cooldown) }
    }

    /// Stays open for `cooldown`; more than a year counts as a year.
    pub const fn with_cooldown(self, cooldown: Duration) -> Self {
        Self { counts_all: self.counts_all, ..Self::new(self.failures, cooldown) }
    }

    /// Counts permanent errors and refusals by middleware too.
    pub const fn counting_all(self) -> Self {
        Self { counts_all: true, ..self }
    }
}

/// A breaker as settings write it: its parts, or `"none"`.
#[derive(Debug, Clone)]
pub(super) enum WrittenBreaker {
    None,
    Parts(BreakerParts),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BreakerParts {
    pub(super) failures: Option<u32>,
    pub(super) cooldown: Option<FriendlyDuration>,
}

impl WrittenBreaker {
    /// The policy; parts that are not written are those of `policy`.
    pub(super) fn over(&self, policy: Option<BreakerPolicy>) -> Option<BreakerPolicy> {
        let Self::Parts(BreakerParts { failures, cooldown }) = self else { return None };
        let mut policy = policy.unwrap_or(BreakerPolicy::DEFAULT);
        if let Some(failures) = failures {
            policy = policy.with_failures(*failures);
        }
        if let Some(FriendlyDuration(cooldown)) = cooldown {
            policy = policy.with_cooldown(*cooldown);
        }
        Some(policy)
    }
}

// Not an untagged enum: its errors would not say which part is wrong.
impl<'de> Deserialize<'de> for WrittenBreaker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NoneOrParts)
    }
}

struct NoneOrParts;

impl<'de> Visitor<'de> for NoneOrParts {
    type Value = WrittenBreaker;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`failures` and `cooldown`, or \"none\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WrittenBreaker, E> {
        match text {
            "none" => Ok(WrittenBreaker::None),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, parts: A) -> Result<WrittenBreaker, A::Error> {
        BreakerParts::deserialize(MapAccessDeserializer::new(parts)).map(WrittenBreaker::Parts)
    }
}
