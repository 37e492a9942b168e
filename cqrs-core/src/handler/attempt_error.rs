//! Why an attempt failed.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::HandlerError;
use crate::message::{Violation, Violations};

/// Why an attempt to handle a message failed. `E` is the handler's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError<E> {
    /// The handler returned an error.
    #[error("{0:#}")]
    Failed(E),
    /// The handler, or a middleware around it, took longer than its time-out.
    #[error("timed out after {0:?}")]
    TimedOut(Duration),
    /// The handler panicked; with the panic's text.
    #[error("panicked: {0}")]
    Panicked(String),
    /// A middleware refused the message, or its delivery has expired.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The application stopped first.
    #[error("the application stopped")]
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

/// Why a middleware refused a call: the handler was not run, or its result was dropped. It is also the reason why a
/// delivery expired, and why a command with an idempotency key was not executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.error_type(), self.reason())]
pub struct Rejection(Box<Refusal>);

/// Boxed, so that every other result is small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    kind: RejectionKind,
    reason: String,
    violations: Violations,
}

/// What kind of refusal it is, for the edge to answer by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The message is not well formed.
    Invalid,
    /// The actor may not do this.
    Forbidden,
    /// Not now; perhaps later. The only kind after which a delivery is tried again.
    Unavailable,
    /// The event is older than the handler's `deliver_within` allows.
    Expired,
    /// The idempotency key was used before, for the same command with other content.
    KeyReused,
}

impl Rejection {
    fn new(kind: RejectionKind, reason: impl Display) -> Self {
        let (reason, violations) = (reason.to_string(), Violations::default());
        Self(Box::new(Refusal { kind, reason, violations }))
    }

    /// Refuses because the message is not valid. `Rejection::from(violations)`, with [`Violations`], also says which
    /// fields are wrong.
    pub fn invalid(reason: impl Display) -> Self {
        Self::new(RejectionKind::Invalid, reason)
    }

    /// Refuses because the actor may not do this.
    pub fn forbidden(reason: impl Display) -> Self {
        Self::new(RejectionKind::Forbidden, reason)
    }

    /// Refuses for now.
    pub fn unavailable(reason: impl Display) -> Self {
        Self::new(RejectionKind::Unavailable, reason)
    }

    /// The event is older than its handler's `deliver_within` allows.
    pub(crate) fn expired(age: SignedDuration, limit: Duration) -> Self {
        let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
        let age = SignedDuration::from_millis(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let reason = format!("the event is {age:#} old, and is to be delivered within {limit:#}");
        Self::new(RejectionKind::Expired, reason)
    }

    /// The idempotency key was used before, for this command with other content.
    pub(crate) fn key_reused(command: &str) -> Self {
        let reason = format!(
            "the idempotency key was used before, for another `{command}`: send a new key with each new request"
        );
        Self::new(RejectionKind::KeyReused, reason)
    }

    /// What kind of refusal it is.
    pub fn kind(&self) -> RejectionKind {
        self.0.kind
    }

    /// Why, for people.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The fields of the message that are wrong, so that a form can show them; empty if the refusal has another reason.
    pub fn violations(&self) -> &[Violation] {
        self.0.violations.as_slice()
    }

    /// What spans and metrics call it.
    pub(crate) fn error_type(&self) -> &'static str {
        match self.kind() {
            RejectionKind::Invalid => "invalid",
            RejectionKind::Forbidden => "forbidden",
            RejectionKind::Unavailable => "unavailable",
            RejectionKind::Expired => "expired",
            RejectionKind::KeyReused => "key_reused",
        }
    }
}

impl From<Violations> for Rejection {
    /// Refuses because the message is not valid, with all violations.
    fn from(violations: Violations) -> Self {
        let mut rejection = Self::invalid(&violations);
        rejection.0.violations = violations;
        rejection
    }
}
