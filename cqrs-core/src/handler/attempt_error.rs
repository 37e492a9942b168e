//! Why an attempt failed.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use super::{HandlerError, Rejection, RejectionKind};

/// Why an attempt to handle a message failed. `E` is the handler's own error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptError<E> {
    /// The handler returned an error.
    Failed(E),
    /// The handler, or a middleware around it, took longer than its time-out.
    TimedOut(Duration),
    /// The handler panicked; the text is the panic's message.
    Panicked(String),
    /// A middleware refused the message.
    Rejected(Rejection),
    /// The application stopped before the end of the attempt.
    ShutDown,
}

/// Why an attempt to handle an event failed.
pub type DeliveryError = AttemptError<Arc<HandlerError>>;

/// Why a call failed, as middleware sees it: the handler's error is a text.
pub type CallError = AttemptError<String>;

impl<E> AttemptError<E> {
    /// The same, with the error that `other` makes of the handler's own.
    pub(crate) fn or_else<F>(self, other: impl FnOnce(E) -> AttemptError<F>) -> AttemptError<F> {
        match self {
            Self::Failed(error) => other(error),
            Self::TimedOut(after) => AttemptError::TimedOut(after),
            Self::Panicked(message) => AttemptError::Panicked(message),
            Self::Rejected(rejection) => AttemptError::Rejected(rejection),
            Self::ShutDown => AttemptError::ShutDown,
        }
    }

    /// The same, with the text of the handler's error.
    pub(crate) fn as_text(&self) -> CallError
    where
        E: Display,
    {
        match self {
            Self::Failed(error) => AttemptError::Failed(format!("{error:#}")),
            Self::TimedOut(after) => AttemptError::TimedOut(*after),
            Self::Panicked(message) => AttemptError::Panicked(message.clone()),
            Self::Rejected(rejection) => AttemptError::Rejected(rejection.clone()),
            Self::ShutDown => AttemptError::ShutDown,
        }
    }

    /// The name of the error's kind in spans and metrics.
    pub(crate) fn error_type(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::TimedOut(_) => "timed_out",
            Self::Panicked(_) => "panicked",
            Self::Rejected(rejection) => rejection.error_type(),
            Self::ShutDown => "shut_down",
        }
    }
}

impl DeliveryError {
    /// Whether another attempt cannot help, because the handler or a middleware said so.
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
}

impl<E> From<Rejection> for AttemptError<E> {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl<E: Display> Display for AttemptError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{error:#}"),
            Self::TimedOut(after) => write!(f, "timed out after {after:?}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::ShutDown => f.write_str("the application stopped"),
        }
    }
}

impl<E: Display + fmt::Debug> std::error::Error for AttemptError<E> {}
