//! Reading: which entries ([`Filter`]), in which [`Order`], how many at a time ([`PageRequest`]).
//!
//! Everything is read inside the tenant of a context, from an index, and in bounded pieces. A position is
//! the id of the last entry that was looked at (keyset paging), so the ten-thousandth page costs as much as the
//! first one, and entries that are recorded meanwhile do not move the others.

mod text; // the words of a free text search
mod filter; // which entries
mod cursor; // where a page ended
mod page; // how many entries, from where
mod error; // why entries cannot be read
mod last; // how far a chain reaches
mod walk; // an index in bounded pieces
mod read_ahead; // the next entries while the last ones are used
mod entries; // one entry, a page, all entries
mod facets; // the values that occur

pub use self::cursor::{Cursor, InvalidCursor};
pub use self::error::ReadError;
pub use self::facets::{Facet, Facets};
pub use self::filter::{Filter, InvalidFilter};
pub(crate) use self::last::last_sequence;
pub use self::page::{InvalidLimit, Page, PageRequest};
pub use crate::store::Order;
