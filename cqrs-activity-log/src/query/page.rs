//! How many entries, in which order, from where.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{Cursor, Order};
use crate::entry::Entry;

/// Which part of the entries that match a filter: how many, in which order, after which position.
///
/// ```
/// use cqrs_activity_log::PageRequest;
///
/// let first = PageRequest::newest().limit(20);
/// # let _ = first;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    pub(crate) order: Order,
    pub(crate) limit: u32,
    pub(crate) after: Option<Cursor>,
}

impl PageRequest {
    /// How many entries a page has by default.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// How many entries a page can have.
    pub const MAX_LIMIT: u32 = 200;
    /// How many entries a search by free text or outcome looks at for one page.
    pub const MAX_LOOKED_AT: usize = 20_000;

    /// The first page in this order, of [`DEFAULT_LIMIT`](Self::DEFAULT_LIMIT) entries.
    pub fn new(order: Order) -> Self {
        Self { order, limit: Self::DEFAULT_LIMIT, after: None }
    }

    /// The newest entries, the newest first.
    pub fn newest() -> Self {
        Self::new(Order::NewestFirst)
    }

    /// The oldest entries, the oldest first.
    pub fn oldest() -> Self {
        Self::new(Order::OldestFirst)
    }

    /// The entries in the order in which they were recorded; see [`Order::AsRecorded`].
    pub fn as_recorded() -> Self {
        Self::new(Order::AsRecorded)
    }

    /// Sets how many entries the page has, from 1 to [`MAX_LIMIT`](Self::MAX_LIMIT). Any other number is an
    /// [`InvalidLimit`] when the page is read.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Continues after a page, with its [`next`](Page::next).
    pub fn after(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
        self.after = cursor.into();
        self
    }

    pub(crate) fn checked_limit(&self) -> Result<usize, InvalidLimit> {
        match self.limit {
            1..=Self::MAX_LIMIT => Ok(self.limit as usize),
            limit => Err(InvalidLimit { limit: u64::from(limit) }),
        }
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::newest()
    }
}

/// A part of the entries that match a filter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Page {
    /// The entries, at most as many as were requested.
    pub entries: Vec<Entry>,
    /// Where the next page continues; `None`, if this is the last one.
    #[serde(serialize_with = "as_text")]
    pub next: Option<Cursor>,
    /// Set if a search by free text or outcome stopped before the page was full, because it had looked at
    /// [`PageRequest::MAX_LOOKED_AT`] entries: everything up to this time has been searched.
    /// [`next`](Self::next) continues the search.
    pub searched_until: Option<Timestamp>,
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
fn as_text<S: Serializer>(cursor: &Option<Cursor>, serializer: S) -> Result<S::Ok, S::Error> {
    match cursor {
        Some(cursor) => serializer.collect_str(cursor),
        None => serializer.serialize_none(),
    }
}

/// A page cannot have this many entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a page of {limit} entries cannot be asked for; the limit is from 1 to {}",
    PageRequest::MAX_LIMIT
)]
pub struct InvalidLimit {
    /// How many were requested.
    pub limit: u64,
}
