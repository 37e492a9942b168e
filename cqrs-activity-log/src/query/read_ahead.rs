//! Reading the next entries while the last ones are used.

use std::panic::resume_unwind;

use futures_core::Stream;
use futures_util::stream;
use tokio_util::task::AbortOnDropHandle;

use super::ReadError;
use super::walk::Walk;
use crate::entry::Entry;
use crate::store::Row;

/// How many entries are read at once.
const BATCH: u32 = 500;

/// A walk that is one batch ahead: the database works while the caller uses the batch before.
pub(super) enum ReadAhead {
    /// Nothing is read before the stream is polled.
    NotStarted(Box<Walk>),
    Reading(AbortOnDropHandle<Result<(Vec<Row>, Walk), ReadError>>),
    AtEnd,
}

impl ReadAhead {
    pub(super) fn new(walk: Walk) -> Self {
        Self::NotStarted(Box::new(walk))
    }

    /// The entries that match, in batches, some of which may be empty.
    pub(super) fn batches(self) -> impl Stream<Item = Result<Vec<Entry>, ReadError>> + Send {
        stream::try_unfold(self, Self::next)
    }

    async fn next(self) -> Result<Option<(Vec<Entry>, Self)>, ReadError> {
        let (rows, walk) = match self {
            Self::NotStarted(walk) => read(walk.up_to_now().await?).await?,
            Self::Reading(reading) => match reading.await {
                Ok(read) => read?,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The runtime of the reading task was shut down.
                    Err(_) => return Err(sqlx::Error::WorkerCrashed.into()),
                },
            },
            Self::AtEnd => return Ok(None),
        };
        let post_filter = walk.post_filter();
        let next = if walk.is_at_end {
            Self::AtEnd
        } else {
            Self::Reading(AbortOnDropHandle::new(tokio::spawn(read(walk))))
        };
        let mut entries = rows.into_iter().map(Row::into_entry).collect::<Result<Vec<_>, _>>()?;
        if let Some(filter) = post_filter {
            entries.retain(|entry| filter.matches(entry));
        }
        Ok(Some((entries, next)))
    }
}

async fn read(mut walk: Walk) -> Result<(Vec<Row>, Walk), ReadError> {
    let rows = walk.rows(BATCH).await?;
    walk.check_unpruned().await?;
    Ok((rows, walk))
}
