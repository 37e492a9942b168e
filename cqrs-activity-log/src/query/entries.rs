//! Reading one entry, a page, or all entries.

use cqrs_core::Context;
use futures_core::Stream;
use futures_util::{TryStreamExt, stream};
use jiff::Timestamp;
use uuid::Uuid;

use super::read_ahead::ReadAhead;
use super::walk::Walk;
use super::{Cursor, Filter, Order, Page, PageRequest, ReadError};
use crate::entry::Entry;
use crate::log::ActivityLog;
use crate::store::Row;

/// How many entries are read at once if a post-filter looks at each of them.
const BATCH: u32 = 200;

/// Reading.
impl ActivityLog {
    /// The tenant's entry with this id.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the database fails, or the entry has been altered.
    pub async fn get(&self, ctx: &Context, id: Uuid) -> Result<Option<Entry>, ReadError> {
        let row = self.database().entry(ctx.tenant(), id).await?;
        Ok(row.map(Row::into_entry).transpose()?)
    }

    /// A page of the tenant's entries that match `filter`.
    ///
    /// The cost depends on the size of the page, not on its position. A search by free text or outcome looks at
    /// up to [`PageRequest::MAX_LOOKED_AT`] entries, and the page says where it stopped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// use cqrs_activity_log::{Activity, ActivityLog, Filter, PageRequest};
    /// use cqrs_core::Context;
    ///
    /// let log = ActivityLog::sqlite(directory.path().join("activity.db")).await?;
    /// let ctx = Context::for_tenant("acme")?;
    /// for id in 1..=3 {
    ///     log.record(&ctx, Activity::new("exported", "Report").id(id)).await?;
    /// }
    ///
    /// let exports = Filter::new().action("exported");
    /// let request = PageRequest::oldest().limit(2);
    /// let first = log.query(&ctx, &exports, &request).await?;
    /// let second = log.query(&ctx, &exports, &request.after(first.next)).await?;
    /// assert_eq!((first.entries.len(), second.entries.len()), (2, 1));
    /// assert_eq!(second.next, None);
    /// # Ok(()) }
    /// ```
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the filter, the limit or the cursor cannot be used, or the database fails.
    pub async fn query(
        &self,
        ctx: &Context,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page, ReadError> {
        let PageRequest { order, after, .. } = *request;
        let limit = request.checked_limit()?;
        filter.check()?;
        let tenant = ctx.tenant();
        let after = after.map(|cursor| cursor.last_of(tenant, filter, order)).transpose()?;
        let mut walk = Walk::new(self.database().clone(), tenant, filter, order, after);
        let post_filter = walk.post_filter();
        let matches =
            |entry: &Entry| post_filter.as_ref().is_none_or(|filter| filter.matches(entry));
        // Without a post-filter, one entry more than fits shows whether another page follows.
        let size = if post_filter.is_some() { BATCH } else { request.limit + 1 };

        let mut entries: Vec<Entry> = Vec::new();
        let mut looked_at = 0;
        loop {
            let batch = walk.batch(size).await?;
            looked_at += batch.len();
            let searched_until = batch.last().map(|entry| entry.occurred_at);
            for entry in batch {
                if matches(&entry) {
                    if entries.len() == limit {
                        let last = entries.last();
                        let last = last.map(|entry| order.position(entry.id, entry.sequence));
                        return Ok(page(walk.cursor(last), entries, None));
                    }
                    entries.push(entry);
                }
            }
            if walk.is_at_end {
                return Ok(page(None, entries, None));
            }
            if looked_at >= PageRequest::MAX_LOOKED_AT {
                return Ok(page(walk.cursor(walk.after), entries, searched_until));
            }
        }
    }

    /// All of the tenant's entries that match `filter` now, one after the other, for an export. Entries that are
    /// recorded meanwhile are left out.
    ///
    /// Reads some hundred entries at a time, and the next ones ahead. It keeps no transaction open. Ends after an
    /// error.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let log = cqrs_activity_log::ActivityLog::sqlite(directory.path().join("activity.db")).await?;
    /// # let ctx = cqrs_core::Context::for_tenant("acme")?;
    /// use cqrs_activity_log::{Filter, Order};
    /// use futures_util::TryStreamExt;
    ///
    /// let mut entries = std::pin::pin!(log.stream(&ctx, &Filter::new(), Order::OldestFirst));
    /// while let Some(entry) = entries.try_next().await? {
    ///     println!("{} {}", entry.occurred_at, entry.description);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// An item is a [`ReadError`] when the filter cannot be used, or the database fails.
    pub fn stream(
        &self,
        ctx: &Context,
        filter: &Filter,
        order: Order,
    ) -> impl Stream<Item = Result<Entry, ReadError>> + Send + use<> {
        let entries = |batch: Vec<Entry>| stream::iter(batch.into_iter().map(Ok));
        self.batches(ctx, filter, order).map_ok(entries).try_flatten()
    }

    /// As [`stream`](Self::stream), in the batches in which entries are read.
    pub(crate) fn batches(
        &self,
        ctx: &Context,
        filter: &Filter,
        order: Order,
    ) -> impl Stream<Item = Result<Vec<Entry>, ReadError>> + Send + use<> {
        ReadAhead::new(Walk::new(self.database().clone(), ctx.tenant(), filter, order, None))
            .batches()
    }
}

fn page(next: Option<Cursor>, entries: Vec<Entry>, searched_until: Option<Timestamp>) -> Page {
    Page { entries, next, searched_until }
}
