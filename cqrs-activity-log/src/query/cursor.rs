//! Where a page ended.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cqrs_core::TenantScope;
use uuid::Uuid;

use super::{Filter, Order};

const VERSION: u8 = 1;
/// Version, order, id, fingerprint.
const LENGTH: usize = 1 + 1 + 16 + 8;

/// Where a page ended: the position from which the next page of the same tenant, filter and order continues.
///
/// As text it is 35 letters, digits, `-` and `_`; treat it as opaque. It gives no access: entries are always read in
/// the tenant of the context, and a cursor of another tenant, filter or order is refused.
///
/// ```
/// use cqrs_activity_log::query::Cursor;
///
/// let error = "bm9wZQ".parse::<Cursor>().unwrap_err();
/// assert_eq!(error.to_string(), "this is not a cursor; take one from the `next` of a page");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    order: Order,
    last: Uuid,
    fingerprint: [u8; 8],
}

impl Cursor {
    pub(super) fn new(tenant: &TenantScope, filter: &Filter, order: Order, last: Uuid) -> Self {
        Self { order, last, fingerprint: filter.fingerprint(tenant) }
    }

    /// The position of the last entry that was looked at, if the cursor belongs to this query.
    pub(super) fn last_of(
        &self,
        tenant: &TenantScope,
        filter: &Filter,
        order: Order,
    ) -> Result<Uuid, InvalidCursor> {
        let is_of_this = self.order == order && self.fingerprint == filter.fingerprint(tenant);
        is_of_this.then_some(self.last).ok_or(InvalidCursor::OfAnotherQuery)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[1] = match self.order {
            Order::NewestFirst => 0,
            Order::OldestFirst => 1,
            Order::AsRecorded => 2,
        };
        bytes[2..18].copy_from_slice(self.last.as_bytes());
        bytes[18..].copy_from_slice(&self.fingerprint);
        f.pad(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({self})")
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; LENGTH];
        let decoded = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes);
        if decoded != Ok(LENGTH) || bytes[0] != VERSION {
            return Err(InvalidCursor::Malformed);
        }
        let order = match bytes[1] {
            0 => Order::NewestFirst,
            1 => Order::OldestFirst,
            2 => Order::AsRecorded,
            _ => return Err(InvalidCursor::Malformed),
        };
        let (mut id, mut fingerprint) = ([0; 16], [0; 8]);
        id.copy_from_slice(&bytes[2..18]);
        fingerprint.copy_from_slice(&bytes[18..]);
        Ok(Self { order, last: Uuid::from_bytes(id), fingerprint })
    }
}

/// The cursor cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCursor {
    /// It is not a cursor, or an incompatible version of this crate wrote it.
    #[error("this is not a cursor; take one from the `next` of a page")]
    Malformed,
    /// It belongs to another tenant, filter or order.
    #[error("this cursor belongs to another query; it goes with the filter and order it came from")]
    OfAnotherQuery,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn goes_on_only_in_its_own_query() {
        let filter = Filter::new().action("created");
        let id = Uuid::from_u128(7);
        let tenant = |id: &str| TenantScope::Tenant(id.parse().expect("a tenant"));
        let (acme, globex) = (tenant("acme"), tenant("globex"));
        let cursor = Cursor::new(&acme, &filter, Order::NewestFirst, id);
        let read: Cursor = cursor.to_string().parse().expect("a cursor");
        assert_eq!(read, cursor);
        assert_eq!(read.last_of(&acme, &filter, Order::NewestFirst), Ok(id));
        let others = [
            read.last_of(&globex, &filter, Order::NewestFirst),
            read.last_of(&TenantScope::System, &filter, Order::NewestFirst),
            read.last_of(&acme, &Filter::new(), Order::NewestFirst),
            read.last_of(&acme, &filter, Order::OldestFirst),
        ];
        assert!(others.iter().all(|other| *other == Err(InvalidCursor::OfAnotherQuery)));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Cursor>();
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "AQ[A-Za-z0-9_-]{33}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
