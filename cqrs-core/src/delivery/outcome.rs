//! What became of a delivery.

use std::fmt;
use std::sync::Arc;

use crate::handler::DeliveryError;

/// What one handler made of one event, for those who asked with `publish_and_wait`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandlerOutcome {
    /// The handler's stable name.
    pub handler: Arc<str>,
    /// How many attempts were made.
    pub attempts: u32,
    /// `Ok`, or why the last attempt failed.
    pub result: Result<(), DeliveryError>,
}

impl HandlerOutcome {
    /// Whether the handler handled the event.
    pub fn is_ok(&self) -> bool {
        self.result.is_ok()
    }
}

/// Where a delivery is that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// It waits for its turn.
    Queued,
    /// Its handler is running.
    Running,
    /// It waits for its next attempt.
    Retrying,
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "waiting for its next attempt",
        })
    }
}
