//! Why entries cannot be read.

use uuid::Uuid;

use super::{InvalidCursor, InvalidFilter, InvalidLimit};
use crate::store::AlteredColumn;

/// Entries could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The database failed.
    #[error("the activity log's database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The filter has a value that cannot match.
    #[error(transparent)]
    Filter(#[from] InvalidFilter),
    /// A page cannot have this many entries.
    #[error(transparent)]
    Limit(#[from] InvalidLimit),
    /// The cursor cannot be used.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// Retention removed entries of the tenant while a stream or an export was read, so some of them may be missing. Read
    /// again from the beginning.
    #[error(
        "retention removed entries of the activity log while they were read, so some may be missing; read them again"
    )]
    Pruned,
    /// The entry was not written by this crate: a column that says which entry it is, who acted or when has an
    /// impossible value. If only data or changes cannot be read, the [`Entry`](crate::Entry) says so instead.
    #[error(
        "entry {id} of the activity log has been altered: its {column} cannot be read; `verify` tells more"
    )]
    Altered {
        /// Which entry.
        id: Uuid,
        /// Which of its columns.
        column: &'static str,
    },
}

impl From<AlteredColumn> for ReadError {
    fn from(AlteredColumn { id, column }: AlteredColumn) -> Self {
        Self::Altered { id, column }
    }
}
