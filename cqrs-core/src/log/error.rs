//! Why a store could not do something.

use std::error::Error;

use super::Position;

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a store could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, or refused the work for now: the same call may succeed later. Nothing was
    /// written.
    #[error("the store is not available: {0}")]
    Unavailable(#[source] BoxError),
    /// The log does not have what was seen at a position: the database was restored from an older copy, or a server
    /// that was behind took over.
    #[error(
        "the log ends at {end}, but another log with position {seen} was seen before: the database is an older copy"
    )]
    WentBack {
        /// Where the log ends now.
        end: Position,
        /// What was seen before.
        seen: Position,
    },
    /// Something that the same call will not overcome: a missing table, a missing right, a row that cannot be read.
    #[error("the store refused: {0}")]
    Refused(#[source] BoxError),
}

impl StoreError {
    /// Which kind of error it is, for spans and metrics.
    pub(crate) fn error_type(&self) -> &'static str {
        if self.is_temporary() { "unavailable" } else { "refused" }
    }

    /// Whether the same call may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
