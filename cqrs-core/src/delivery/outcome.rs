//! How a delivery ended.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::handler::HandlerError;
use crate::middleware::{Rejection, RejectionKind};

/// Why an attempt to handle an event failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The handler returned an error.
    Failed(Arc<HandlerError>),
    /// The handler took longer than its time-out.
    TimedOut(Duration),
    /// The handler panicked; with the panic's text.
    Panicked(String),
    /// A middleware refused the delivery.
    Rejected(Rejection),
    /// The application stopped first.
    Abandoned,
}

impl DeliveryError {
    /// Whether another attempt would not help: the handler, or a middleware, said so.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Failed(error) => error.is_permanent(),
            Self::Rejected(rejection) => rejection.kind() != RejectionKind::Unavailable,
            _ => false,
        }
    }

    /// The handler's own error, if it returned one.
    pub fn handler_error(&self) -> Option<&HandlerError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// What spans and metrics call it.
    pub(crate) fn error_type(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::TimedOut(_) => "timed_out",
            Self::Panicked(_) => "panicked",
            Self::Rejected(rejection) => rejection.error_type(),
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{error:#}"),
            Self::TimedOut(after) => write!(f, "timed out after {after:?}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Abandoned => f.write_str("abandoned: the application stopped"),
        }
    }
}

impl std::error::Error for DeliveryError {}

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
