//! Between the numbers of the contract and those of the databases.
//!
//! The databases have signed numbers. A number that only identifies (a key, a token) keeps its bits; one that is
//! compared (a position) keeps its value.

use std::collections::HashMap;
use std::time::Duration;

use cqrs_core::log::{LoggedEvent, Position, StoreError};
use jiff::Timestamp;

use crate::codes::refused;

/// For a comparison: what is beyond the greatest number is beyond all that can be stored.
pub(crate) fn position(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

pub(crate) fn to_position(stored: i64) -> Position {
    Position(u64::try_from(stored).unwrap_or(0))
}

pub(crate) fn shard(shard: u16) -> Result<i16, StoreError> {
    i16::try_from(shard).map_err(|_| refused(format!("there is no shard {shard}")))
}

pub(crate) fn to_shard(stored: i16) -> u16 {
    u16::try_from(stored).unwrap_or(0)
}

/// To a page of at most `limit` rows.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// From microseconds since 1970. What no calendar has becomes the beginning of time.
pub(crate) fn to_timestamp(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MIN)
}

/// The time until a moment that is so many microseconds from now; zero if it has passed.
pub(crate) fn from_now(microseconds: i64) -> Duration {
    Duration::from_micros(u64::try_from(microseconds).unwrap_or(0))
}

/// `found` in the order of `positions`.
pub(crate) fn in_order(positions: &[Position], found: Vec<LoggedEvent>) -> Vec<LoggedEvent> {
    let found: HashMap<_, _> = found.into_iter().map(|event| (event.position, event)).collect();
    positions.iter().filter_map(|position| found.get(position).cloned()).collect()
}

/// How many idempotency keys are removed with each beat of a node.
pub(crate) const KEYS_AT_ONCE: i64 = 1000;

/// In microseconds; at most 100 years, so that it can be added to the time of any clock, and subtracted.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    const MOST: i64 = 1_000_000 * 60 * 60 * 24 * 365 * 100;
    i64::try_from(duration.as_micros()).unwrap_or(MOST).min(MOST)
}

/// How long a node lives after a beat, in microseconds; at most a day.
pub(crate) fn longest_ttl(ttl: Duration) -> i64 {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    i64::try_from(ttl.as_micros()).unwrap_or(DAY).min(DAY)
}

/// In microseconds, the longest time for which a node with this `ttl` believes that another one lives. Leases of one
/// application are about equally long. So a node that lives for longer has said so with a clock that was ahead.
pub(crate) fn longest_life(ttl: std::time::Duration) -> i64 {
    4 * longest_ttl(ttl.max(cqrs_core::log::Profile::DEFAULT_LEASE))
}

/// What a task of ours has become.
pub(crate) fn joined<T>(
    result: Result<Result<T, StoreError>, tokio::task::JoinError>,
) -> Result<T, StoreError> {
    result.unwrap_or_else(|error| Err(StoreError::Unavailable(Box::new(error))))
}
