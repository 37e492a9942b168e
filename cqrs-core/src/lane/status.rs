//! What a handler is doing at one moment.

use std::fmt;

use jiff::Timestamp;

use super::BreakerState;

/// What an event handler is doing at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerStatus {
    /// Whether it is paused.
    pub state: HandlerState,
    /// Where its circuit breaker is, if it has one.
    pub breaker: Option<BreakerState>,
    /// How many deliveries wait for a worker.
    pub queued: usize,
    /// How many attempts are being made.
    pub running: usize,
    /// How many deliveries wait for their next attempt.
    pub retrying: usize,
    /// How many order keys a dead letter blocks; see [`DeadLetters::Block`](crate::handler::DeadLetters::Block). Those that
    /// wait behind it are among the queued ones.
    pub blocked_keys: usize,
    /// How many publishers wait because the queue is full.
    pub waiting_publishers: usize,
    /// When the oldest event that waits, for its turn or its next attempt, was published.
    pub oldest_waiting: Option<Timestamp>,
}

/// Whether a handler is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandlerState {
    /// It makes attempts as events come.
    Running,
    /// It makes no attempts until it is resumed; see [`HandlerControl::pause`](crate::bus::HandlerControl::pause).
    Paused,
}

impl fmt::Display for HandlerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Paused => "paused",
        })
    }
}
