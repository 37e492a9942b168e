//! One entry of a chain, as the next one refers to it.

use super::Row;
use super::row::hash;
use super::sql::{Columns, present};
use crate::entry::EntryHash;

/// An entry of a chain: its position and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) sequence: i64,
    pub(crate) hash: EntryHash,
}

impl Link {
    /// Before the first entry.
    pub(crate) const ZERO: Self = Self { sequence: 0, hash: EntryHash::ZERO };

    pub(crate) fn of(row: &Row) -> Self {
        Self { sequence: row.sequence, hash: row.hash }
    }

    /// Reads a row that begins with a sequence and a hash.
    pub(super) fn read(row: &dyn Columns) -> sqlx::Result<Self> {
        Ok(Self { sequence: present(row.number(0)?)?, hash: hash(row, 1)? })
    }
}
