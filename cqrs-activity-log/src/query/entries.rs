//! Reading one entry, a page, or all entries.

use cqrs_core::Context;
use futures_core::Stream;
use futures_util::{TryStreamExt, stream};
use jiff::Timestamp;
use uuid::Uuid;

use super::filter::PostFilter;
use super::read_ahead::ReadAhead;
use super::walk::Walk;
use super::{Cursor, Filter, Order, Page, PageRequest, ReadError};
use crate::entry::Entry;
use crate::log::ActivityLog;
use crate::store::Row;

/// How many entries a post-filter looks at at once.
const BATCH: u32 = 1000;

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
    /// up to [`PageRequest::MAX_LOOKED_AT`] entries, and the page says where it stopped. Such searches of one tenant wait
    /// for each other, so that no tenant's searches take more than one processor.
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
        if let Some(post_filter) = walk.post_filter() {
            let _lock = self.searches().lock(tenant).await;
            return self.search(ctx, &post_filter, walk, limit).await;
        }
        // One entry more than fits shows whether another page follows.
        let mut entries = walk.batch(request.limit + 1).await?;
        let is_last = entries.len() <= limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| !is_last);
        let last = last.map(|entry| order.position(entry.id, entry.sequence));
        Ok(page(walk.cursor(last), entries, None))
    }

    /// A page of the entries that the post-filter finds. Looks at their texts alone, and then reads those that match.
    async fn search(
        &self,
        ctx: &Context,
        post_filter: &PostFilter,
        mut walk: Walk,
        limit: usize,
    ) -> Result<Page, ReadError> {
        let (mut found, mut last) = (Vec::new(), None);
        let mut looked_at = 0;
        let (next, searched_until) = 'search: loop {
            let batch = walk.candidates(BATCH).await?;
            looked_at += batch.len();
            for candidate in batch.iter().filter(|candidate| post_filter.finds(candidate)) {
                if found.len() == limit {
                    break 'search (walk.cursor(last), None);
                }
                found.push(candidate.id);
                last = Some(walk.position(candidate));
            }
            if walk.is_at_end {
                break (None, None);
            }
            if looked_at >= PageRequest::MAX_LOOKED_AT {
                let until = batch.last().map(|candidate| candidate.occurred_at);
                let until = until.and_then(|until| Timestamp::from_microsecond(until).ok());
                break (walk.cursor(walk.after), until);
            }
        };
        let rows = self.database().entries(ctx.tenant(), &found).await?;
        let mut entries = rows.into_iter().map(Row::into_entry).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_cached_key(|entry| found.iter().position(|id| *id == entry.id));
        Ok(page(next, entries, searched_until))
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
