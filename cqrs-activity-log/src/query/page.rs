//! How many entries, in which order, from where.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::Cursor;
use crate::entry::Entry;
use crate::store::Order;

/// How many entries a page has unless it is said otherwise.
pub const DEFAULT_LIMIT: u32 = 50;
/// How many entries a page can have.
pub const MAX_LIMIT: u32 = 200;

/// Which part of the entries that a filter means: so many, in this order, after this position.
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
    /// The first page in this order, of [`DEFAULT_LIMIT`] entries.
    pub fn new(order: Order) -> Self {
        Self { order, limit: DEFAULT_LIMIT, after: None }
    }

    /// The newest entries, the newest first.
    pub fn newest() -> Self {
        Self::new(Order::NewestFirst)
    }

    /// The oldest entries, the oldest first.
    pub fn oldest() -> Self {
        Self::new(Order::OldestFirst)
    }

    /// Asks for so many entries, from 1 to [`MAX_LIMIT`]; another number is an [`InvalidLimit`] when the
    /// page is asked for.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Asks for what follows a page: its [`next`](Page::next).
    pub fn after(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
        self.after = cursor.into();
        self
    }

    pub(crate) fn checked_limit(&self) -> Result<usize, InvalidLimit> {
        match self.limit {
            1..=MAX_LIMIT => Ok(self.limit as usize),
            limit => Err(InvalidLimit { limit: u64::from(limit) }),
        }
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::newest()
    }
}

/// A part of the entries that a filter means.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Page {
    /// The entries, at most as many as were asked for.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` when this is the end.
    #[serde(serialize_with = "as_text")]
    pub next: Option<Cursor>,
    /// Set when a search by free text or outcome has looked at so many entries that it stopped here, before
    /// the page was full: everything up to this time has been searched. [`next`](Self::next) goes on.
    pub searched_until: Option<Timestamp>,
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
fn as_text<S: Serializer>(cursor: &Option<Cursor>, serializer: S) -> Result<S::Ok, S::Error> {
    match cursor {
        Some(cursor) => serializer.collect_str(cursor),
        None => serializer.serialize_none(),
    }
}

/// A page cannot have so many entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a page of {limit} entries cannot be asked for; the limit is from 1 to {MAX_LIMIT}")]
pub struct InvalidLimit {
    /// How many were asked for.
    pub limit: u64,
}
