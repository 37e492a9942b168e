//! Reading: which entries ([`Filter`]), in which [`Order`](crate::Order), how many at a time ([`PageRequest`]).
//!
//! Everything is read inside the tenant of a context, from an index, and in bounded pieces. A position is
//! the id of the last entry that was looked at (keyset paging), so the ten-thousandth page costs what the
//! first one does, and entries recorded in the meantime shift nothing.

mod cursor;
mod facets;
mod filter;
mod last;
mod page;
mod read_ahead;
mod text;
mod walk;

pub use self::cursor::{Cursor, InvalidCursor};
pub use self::facets::{Facet, Facets, MAX_FACET_VALUES};
pub use self::filter::{Filter, InvalidFilter, MAX_FILTER_VALUE};
pub use self::page::{DEFAULT_LIMIT, InvalidLimit, MAX_LIMIT, Page, PageRequest};
pub use self::walk::MAX_LOOKED_AT;

pub(crate) use self::last::last_sequence;
