//! Walking an index in bounded pieces.

use std::sync::Arc;

use cqrs_core::{Context, TenantScope};
use futures_core::Stream;
use futures_util::{TryStreamExt, stream};
use jiff::Timestamp;
use uuid::Uuid;

use super::filter::Sieve;
use super::last::last_sequence;
use super::read_ahead::ReadAhead;
use super::{Cursor, Filter, Page, PageRequest};
use crate::entry::Entry;
use crate::error::ReadError;
use crate::log::ActivityLog;
use crate::store::{Conditions, Database, Order, Row};

/// How many entries a search by free text or outcome looks at for one page.
pub const MAX_LOOKED_AT: usize = 20_000;

/// How many entries are read at once where each of them has to be looked at.
const BATCH: u32 = 200;

/// Reading many entries.
impl ActivityLog {
    /// A page of the tenant's entries that `filter` means.
    ///
    /// It costs what its entries cost, however many there are before it and after it; a search by free text
    /// or outcome looks at up to [`MAX_LOOKED_AT`] entries, and the page says where it stopped.
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
        // Where nothing is sieved, one more than fits tells whether anything follows.
        let size = if walk.sieve.is_some() { BATCH } else { request.limit + 1 };

        let mut entries: Vec<Entry> = Vec::new();
        let mut looked_at = 0;
        loop {
            let batch = walk.batch(size).await?;
            looked_at += batch.len();
            let searched_until = batch.last().map(|entry| entry.occurred_at);
            for entry in batch {
                if walk.lets_through(&entry) {
                    if entries.len() == limit {
                        let last = entries.last().map(|entry| entry.id);
                        return Ok(page(walk.cursor(last), entries, None));
                    }
                    entries.push(entry);
                }
            }
            if walk.is_at_end {
                return Ok(page(None, entries, None));
            }
            if looked_at >= MAX_LOOKED_AT {
                return Ok(page(walk.cursor(walk.after), entries, searched_until));
            }
        }
    }

    /// All of the tenant's entries that `filter` means and that there are now, one after the other, for an
    /// export. What is recorded in the meantime does not come.
    ///
    /// Reads a few hundred at a time, and the next ones ahead: it holds those, and nothing in the database.
    /// Ends after an error.
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

    /// The same, as many at a time as are read at once.
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

/// A position in the entries that a filter means.
pub(super) struct Walk {
    database: Database,
    tenant: TenantScope,
    filter: Filter,
    conditions: Conditions,
    sieve: Option<Arc<Sieve>>,
    order: Order,
    after: Option<Uuid>,
    pub(super) is_at_end: bool,
}

impl Walk {
    fn new(
        database: Database,
        tenant: &TenantScope,
        filter: &Filter,
        order: Order,
        after: Option<Uuid>,
    ) -> Self {
        Self {
            database,
            tenant: tenant.clone(),
            filter: filter.clone(),
            conditions: filter.conditions(),
            sieve: filter.sieve().map(Arc::new),
            order,
            after,
            is_at_end: false,
        }
    }

    /// Begins a walk through what there is now.
    pub(super) async fn up_to_now(self) -> Result<Self, ReadError> {
        self.filter.check()?;
        let until = last_sequence(&self.database, &self.tenant).await?;
        Ok(self.until(until))
    }

    /// Leaves out what was recorded after this sequence.
    fn until(mut self, sequence: u64) -> Self {
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        self.conditions = self.conditions.and("sequence <= ?", [sequence.into()]);
        self
    }

    /// The next entries, unsieved.
    async fn batch(&mut self, size: u32) -> Result<Vec<Entry>, ReadError> {
        self.rows(size).await?.into_iter().map(Row::into_entry).collect()
    }

    /// The next entries as they are stored.
    pub(super) async fn rows(&mut self, size: u32) -> Result<Vec<Row>, ReadError> {
        let Self { tenant, conditions, order, after, .. } = &*self;
        let rows = self.database.page(tenant, conditions, *order, *after, size).await?;
        self.is_at_end = rows.len() < size as usize;
        self.after = rows.last().map(|row| row.content.id).or(self.after);
        Ok(rows)
    }

    /// What each entry has to pass, if anything.
    pub(super) fn sieve(&self) -> Option<Arc<Sieve>> {
        self.sieve.clone()
    }

    fn lets_through(&self, entry: &Entry) -> bool {
        self.sieve.as_ref().is_none_or(|sieve| sieve.lets_through(entry))
    }

    fn cursor(&self, last: Option<Uuid>) -> Option<Cursor> {
        last.map(|last| Cursor::new(&self.tenant, &self.filter, self.order, last))
    }
}
