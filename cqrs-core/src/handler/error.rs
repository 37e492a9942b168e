//! Why an event handler failed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::{Rejection, RejectionKind};
use crate::message::MessageError;

/// What an event handler returns.
pub type HandlerResult = Result<(), HandlerError>;

/// Why a handler failed: any error, converted by `?`, and what it says about retrying.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// fn parse(text: &str) -> Result<u32, HandlerError> {
///     let number = text.parse()?;                     // any error; retried by the handler's policy
///     if number == 0 {
///         return Err(HandlerError::msg("zero").permanent());   // retrying would not help
///     }
///     Ok(number)
/// }
/// assert!(parse("0").unwrap_err().is_permanent());
/// ```
///
/// Like other catch-all error types it does not implement [`Error`] itself, or `?` could not convert
/// every error; [`downcast_ref`](Self::downcast_ref) gives the one inside.
pub struct HandlerError {
    error: Box<dyn Error + Send + Sync>,
    permanent: bool,
    retry_after: Option<Duration>,
}

impl HandlerError {
    /// Wraps an error; `?` does the same.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), permanent: false, retry_after: None }
    }

    /// An error that is only a text.
    pub fn msg(message: impl fmt::Display) -> Self {
        Self::new(message.to_string())
    }

    /// Marks the error as permanent: the delivery becomes a dead letter at once, without a retry.
    pub fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// Sets the wait before the next attempt, in place of the handler's back-off; at most 24 hours.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Whether the error is permanent: it was marked so, or something that the handler executed or published was refused
    /// as forbidden.
    pub fn is_permanent(&self) -> bool {
        self.permanent || self.is_forbidden()
    }

    fn is_forbidden(&self) -> bool {
        let first: &(dyn Error + 'static) = &*self.error;
        std::iter::successors(Some(first), |&error| error.source())
            .filter_map(|error| error.downcast_ref::<Rejection>())
            .any(|rejection| rejection.kind() == RejectionKind::Forbidden)
    }

    /// How long to wait before the next attempt, if the handler said so.
    pub fn requested_delay(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The error inside, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for HandlerError {
    /// Writes the error; with `{:#}`, also its causes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.write_str(&with_causes(&*self.error))
        } else {
            write!(f, "{}", self.error)
        }
    }
}

/// The error and its causes. Some errors, such as those of sqlx, end with their cause already.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |&error| error.source()) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl MessageError for HandlerError {
    fn as_error(&self) -> &(dyn Error + 'static) {
        &*self.error
    }
}
