//! The refusal of a call by a middleware.

use std::fmt;

/// Why a middleware refused a call. The handler did not run, or its result was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    kind: RejectionKind,
    reason: String,
}

/// The kind of a refusal, from which the edge can choose its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The message is not well formed.
    Invalid,
    /// The actor may not do this.
    Forbidden,
    /// The same command has been executed before, or is being executed now.
    Duplicate,
    /// The call cannot be made now, but perhaps later. Only this kind leads to a retry of a delivery.
    Unavailable,
}

impl Rejection {
    /// Refuses because the message is not well formed.
    pub fn invalid(reason: impl fmt::Display) -> Self {
        Self { kind: RejectionKind::Invalid, reason: reason.to_string() }
    }

    /// Refuses because the actor may not do this.
    pub fn forbidden(reason: impl fmt::Display) -> Self {
        Self { kind: RejectionKind::Forbidden, reason: reason.to_string() }
    }

    /// Refuses because the same command has been executed before.
    pub fn duplicate(reason: impl fmt::Display) -> Self {
        Self { kind: RejectionKind::Duplicate, reason: reason.to_string() }
    }

    /// Refuses because the call cannot be made now.
    pub fn unavailable(reason: impl fmt::Display) -> Self {
        Self { kind: RejectionKind::Unavailable, reason: reason.to_string() }
    }

    /// What kind of refusal it is.
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// Why, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Its name in spans and metrics.
    pub(crate) fn error_type(&self) -> &'static str {
        match self.kind {
            RejectionKind::Invalid => "invalid",
            RejectionKind::Forbidden => "forbidden",
            RejectionKind::Duplicate => "duplicate",
            RejectionKind::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type(), self.reason)
    }
}

impl std::error::Error for Rejection {}
