//! Reading an index in bounded pieces.

use std::sync::Arc;

use cqrs_core::TenantScope;
use uuid::Uuid;

use super::filter::PostFilter;
use super::last::{last_sequence, pruned_sequence};
use super::{Cursor, Filter, Order, ReadError};
use crate::entry::Entry;
use crate::store::{Candidate, Conditions, Database, Row};

/// A position in the entries that match a filter.
pub(super) struct Walk {
    database: Database,
    tenant: TenantScope,
    filter: Filter,
    conditions: Conditions,
    post_filter: Option<Arc<PostFilter>>,
    order: Order,
    /// The position of the last entry that was read.
    pub(super) after: Option<Uuid>,
    pub(super) is_at_end: bool,
    /// How far the chain was pruned when the walk was limited.
    pruned: Option<u64>,
}

impl Walk {
    pub(super) fn new(
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
            post_filter: filter.post_filter().map(Arc::new),
            order,
            after,
            is_at_end: false,
            pruned: None,
        }
    }

    /// Limits the walk to the entries that there are now.
    pub(super) async fn up_to_now(self) -> Result<Self, ReadError> {
        self.filter.check()?;
        let pruned = pruned_sequence(&self.database, &self.tenant).await?;
        let until = last_sequence(&self.database, &self.tenant).await?;
        Ok(Self { pruned: Some(pruned), ..self.until(until) })
    }

    /// Fails if entries were pruned since the walk was limited to the entries that there were.
    pub(super) async fn check_unpruned(&self) -> Result<(), ReadError> {
        let Some(pruned) = self.pruned else { return Ok(()) };
        match pruned_sequence(&self.database, &self.tenant).await? {
            now if now == pruned => Ok(()),
            _ => Err(ReadError::Pruned),
        }
    }

    /// Leaves out entries that were recorded after this sequence.
    fn until(mut self, sequence: u64) -> Self {
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        self.conditions = self.conditions.and("sequence <= ?", [sequence.into()]);
        self
    }

    /// The next entries, before the post-filter.
    pub(super) async fn batch(&mut self, size: u32) -> Result<Vec<Entry>, ReadError> {
        let rows = self.rows(size).await?.into_iter();
        Ok(rows.map(Row::into_entry).collect::<Result<_, _>>()?)
    }

    /// The next entries, as a search looks at them.
    pub(super) async fn candidates(&mut self, size: u32) -> sqlx::Result<Vec<Candidate>> {
        let Self { tenant, conditions, order, after, .. } = &*self;
        let found = self.database.candidates(tenant, conditions, *order, *after, size).await?;
        self.is_at_end = found.len() < size as usize;
        self.after = found.last().map(|found| self.position(found)).or(self.after);
        Ok(found)
    }

    /// The position of an entry that a search looked at.
    pub(super) fn position(&self, found: &Candidate) -> Uuid {
        self.order.position(found.id, found.sequence.try_into().unwrap_or_default())
    }

    /// The next entries as they are stored.
    pub(super) async fn rows(&mut self, size: u32) -> sqlx::Result<Vec<Row>> {
        let Self { tenant, conditions, order, after, .. } = &*self;
        let rows = self.database.page(tenant, conditions, *order, *after, size).await?;
        self.is_at_end = rows.len() < size as usize;
        let position = |row: &Row| {
            self.order.position(row.content.id, row.sequence.try_into().unwrap_or_default())
        };
        self.after = rows.last().map(position).or(self.after);
        Ok(rows)
    }

    /// What each entry has to match besides the conditions of the database.
    pub(super) fn post_filter(&self) -> Option<Arc<PostFilter>> {
        self.post_filter.clone()
    }

    pub(super) fn cursor(&self, last: Option<Uuid>) -> Option<Cursor> {
        last.map(|last| Cursor::new(&self.tenant, &self.filter, self.order, last))
    }
}
