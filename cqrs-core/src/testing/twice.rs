//! Delivers everything twice, to find handlers that are not idempotent.

use crate::bus::{Hand, Route};
use crate::message::AnyEvent;
use crate::schedule::Keys;

/// Pushes each event twice.
pub(super) struct Twice;

impl Hand for Twice {
    /// The second delivery begins when the first is settled, even if the handler has no order.
    fn hand(&self, route: &Route, event: &AnyEvent, keys: Keys, has_permit: bool) {
        let id = event.id().as_u64_pair().1;
        let keys = Keys { order: keys.order.or(Some(id)), ..keys };
        route.push(event.clone(), keys, has_permit);
        route.push(event.clone(), keys, false);
    }
}
