//! A call that a middleware refused.

use std::fmt;

/// Why a middleware refused a call. The handler was not run, or its result was thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    kind: RejectionKind,
    reason: String,
}

/// What kind of refusal it is, for the edge to answer by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The message is not well formed.
    Invalid,
    /// The actor may not do this.
    Forbidden,
    /// The same command has been executed before, or is being executed now.
    Duplicate,
    /// Not now; perhaps later. The only kind after which a delivery is tried again.
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

    /// Refuses for now.
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

    /// What spans and metrics call it.
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
