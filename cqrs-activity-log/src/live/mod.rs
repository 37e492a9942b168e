//! Entries as they are recorded.

use std::collections::VecDeque;
use std::time::Duration;

use cqrs_core::{Context, TenantScope};
use futures_core::Stream;
use futures_util::{StreamExt, future, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::entry::Entry;
use crate::error::ReadError;
use crate::log::{ActivityLog, Appended};
use crate::query::{Filter, last_sequence};

/// How many entries are read at once.
const BATCH: u32 = 100;

/// How soon an entry is seen that another process has recorded.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watching.
impl ActivityLog {
    /// The tenant's entries that `filter` means, as they are recorded: those after the sequence `after`, or,
    /// with `None`, those that come after the stream was first polled. Each comes once, in the order of
    /// [`Entry::sequence`]. It never ends by itself, but after an error.
    ///
    /// What this process records comes at once, what others record within a second. Nothing is queued for
    /// a slow reader: it reads on from the database where it was.
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
    /// An item is a [`ReadError`] when the filter cannot be used, or the database fails; it is the last.
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

    /// The same, which also says how far it has come where the filter means nothing of what it saw.
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
            // Before anything is read, so that nothing is missed between reading and waiting.
            appended: self.appended(),
            batch: VecDeque::new(),
        };
        stream::try_unfold(watch, Watch::next)
    }
}

/// What a watch has seen.
pub(crate) enum Seen {
    Entry(Box<Entry>),
    /// Entries up to this sequence, none of which is meant.
    Nothing {
        #[cfg_attr(not(feature = "web"), expect(dead_code, reason = "only browsers come back"))]
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
            let batch = self.log.database().recorded_after(&self.tenant, last, BATCH).await?;
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

    /// Returns when there may be something after `last`.
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
                    // The log that says so is held here.
                    Err(RecvError::Closed) => future::pending().await,
                }
            }
        };
        // Too much time means only that it is time to look for what others have recorded.
        let _ = tokio::time::timeout(LOOK_EVERY, recorded).await;
    }
}
