//! Entries as they are recorded.

use std::collections::VecDeque;
use std::time::Duration;

use cqrs_core::{Context, TenantScope};
use futures_core::Stream;
use futures_util::{StreamExt, future, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::entry::Entry;
use crate::log::{ActivityLog, Appended};
use crate::query::{Filter, ReadError, last_sequence};
use crate::store::Row;

/// How many entries are read at once.
const BATCH: u32 = 100;

/// How often the database is read for entries of other processes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Live reading.
impl ActivityLog {
    /// The tenant's entries that match `filter`, as they are recorded: those after the sequence `after`, or, with
    /// `None`, those that are recorded after the first poll of the stream. Each comes once, in the order of
    /// [`Entry::sequence`]. The stream ends only after an error.
    ///
    /// Entries of this process come at once, those of other processes within a second. Nothing is queued for a
    /// slow reader: it continues to read the database from its position.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// use cqrs_activity_log::{Activity, ActivityLog, Filter};
    /// use cqrs_core::Context;
    /// use futures_util::TryStreamExt;
    ///
    /// let log = ActivityLog::sqlite(directory.path().join("activity.db")).await?;
    /// let ctx = Context::for_tenant("acme")?;
    /// log.record(&ctx, Activity::new("exported", "Report")).await?;
    ///
    /// let mut entries = std::pin::pin!(log.tail(&ctx, &Filter::new(), Some(0)));
    /// assert_eq!(entries.try_next().await?.expect("the first").sequence, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The last item is a [`ReadError`] when the filter cannot be used, or the database fails.
    pub fn tail(
        &self,
        ctx: &Context,
        filter: &Filter,
        after: Option<u64>,
    ) -> impl Stream<Item = Result<Entry, ReadError>> + Send + use<> {
        self.watch(ctx, filter, after).filter_map(|seen| {
            future::ready(match seen {
                Ok(Seen::Entry(entry)) => Some(Ok(*entry)),
                Ok(Seen::Nothing { .. }) => None,
                Err(error) => Some(Err(error)),
            })
        })
    }

    /// As [`tail`](Self::tail), but also reports the position if no new entry matches.
    pub(crate) fn watch(
        &self,
        ctx: &Context,
        filter: &Filter,
        after: Option<u64>,
    ) -> impl Stream<Item = Result<Seen, ReadError>> + Send + use<> {
        let watch = Watch {
            log: self.clone(),
            tenant: ctx.tenant().clone(),
            filter: filter.clone(),
            last: after,
            // Subscribed before the first read, so that nothing is missed between reading and waiting.
            appended: self.appended(),
            batch: VecDeque::new(),
        };
        stream::try_unfold(watch, Watch::next)
    }
}

/// What a live reader sees.
pub(crate) enum Seen {
    Entry(Box<Entry>),
    /// Entries up to this sequence, none of which matches.
    Nothing {
        #[cfg_attr(not(feature = "web"), expect(dead_code, reason = "only browsers reconnect"))]
        up_to: u64,
    },
}

struct Watch {
    log: ActivityLog,
    tenant: TenantScope,
    filter: Filter,
    last: Option<u64>,
    appended: broadcast::Receiver<Appended>,
    batch: VecDeque<Entry>,
}

impl Watch {
    async fn next(mut self) -> Result<Option<(Seen, Self)>, ReadError> {
        loop {
            if let Some(entry) = self.batch.pop_front() {
                return Ok(Some((Seen::Entry(Box::new(entry)), self)));
            }
            self.filter.check()?;
            let last = if let Some(last) = self.last {
                last
            } else {
                last_sequence(self.log.database(), &self.tenant).await?
            };
            self.last = Some(last);
            let rows = self.log.database().recorded_after(&self.tenant, last, BATCH).await?;
            let batch: Vec<Entry> =
                rows.into_iter().map(Row::into_entry).collect::<Result<_, _>>()?;
            let Some(up_to) = batch.last().map(|entry| entry.sequence) else {
                self.wait(last).await;
                continue;
            };
            self.last = Some(up_to);
            self.batch = batch.into();
            self.batch.retain(|entry| self.filter.matches(entry));
            if self.batch.is_empty() {
                return Ok(Some((Seen::Nothing { up_to }, self)));
            }
        }
    }

    /// Returns when there may be an entry after `last`.
    async fn wait(&mut self, last: u64) {
        let recorded = async {
            loop {
                match self.appended.recv().await {
                    Ok(Appended { tenant, sequence })
                        if tenant == self.tenant && sequence > last =>
                    {
                        return;
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    // Not possible: `self.log` holds the sender.
                    Err(RecvError::Closed) => future::pending().await,
                }
            }
        };
        // After the time-out, the caller looks for entries of other processes.
        let _ = tokio::time::timeout(POLL_INTERVAL, recorded).await;
    }
}
