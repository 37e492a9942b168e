//! Why a command or query is refused, or cannot be executed.

use std::time::Duration;

use cqrs_core::middleware::RejectionKind;
use cqrs_core::{ExecuteError, PublishError};

use crate::db::DbError;
use crate::fields::FieldError;

/// The error of every command and query of this product. What it says of the first seven kinds is for the
/// client; the others are for the log alone.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Fields of the input are wrong, all of them listed.
    #[error("the input has wrong fields: {}", FieldError::list(.0))]
    Invalid(Vec<FieldError>),
    /// There is no such thing, as far as this tenant is concerned.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It does not fit what is there.
    #[error("{0}")]
    Conflict(String),
    /// It is unknown who asks.
    #[error("{0}")]
    Unauthorized(String),
    /// Who asks may not do it.
    #[error("{0}")]
    Forbidden(String),
    /// Too often; not before this long from now.
    #[error("too many attempts; try again in {} seconds", .0.as_secs().max(1))]
    TooMany(Duration),
    /// Too much is asked at once; not before this long from now.
    #[error("too many are served at the moment; try again in {} seconds", .0.as_secs().max(1))]
    Busy(Duration),
    /// The database refused or is gone.
    #[error(transparent)]
    Database(#[from] DbError),
    /// An event was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// It took too long, or the product is about to stop: another attempt may succeed.
    #[error("{0}")]
    Interrupted(String),
    /// Anything else that should not happen.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// Whether another attempt may succeed, with nothing changed.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Busy(_) | Self::Interrupted(_) => true,
            Self::Database(error) => error.is_busy(),
            _ => false,
        }
    }

    /// One field is wrong.
    pub fn field(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field, reason: reason.into() }])
    }
}

/// For those who ask another module.
impl From<ExecuteError<Failure>> for Failure {
    fn from(error: ExecuteError<Failure>) -> Self {
        match error {
            ExecuteError::Handler(failure) => failure,
            ExecuteError::Rejected { rejection, .. }
                if rejection.kind() == RejectionKind::Forbidden =>
            {
                Self::Forbidden(rejection.reason().to_owned())
            }
            ExecuteError::TimedOut { .. } | ExecuteError::ShutDown { .. } => {
                Self::Interrupted(error.to_string())
            }
            other => Self::Internal(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_too_long_may_be_tried_again() {
        let late = ExecuteError::TimedOut { message: "it", after: Duration::from_secs(1) };
        assert!(Failure::from(late).is_busy());
        let gone = ExecuteError::ShutDown { message: "it" };
        assert!(Failure::from(gone).is_busy());
        let wrong = ExecuteError::Panicked { message: "it", panic: "?".to_owned() };
        assert!(!Failure::from(wrong).is_busy());
    }
}
