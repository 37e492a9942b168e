//! Which events led to an event.

use std::fmt;
use std::sync::Arc;

/// How many names a chain keeps.
const REMEMBERED: usize = 8;

/// The events that led to an event, each published by a handler of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CauseChain {
    /// How many events.
    pub(super) length: u32,
    /// The names of the last events.
    last: Vec<&'static str>,
}

impl CauseChain {
    /// The chain `before`, followed by `event`.
    pub(super) fn after(before: Option<&Self>, event: &'static str) -> Arc<Self> {
        let (length, names) = before.map_or((0, &[][..]), |before| (before.length, &before.last));
        let forgotten = (names.len() + 1).saturating_sub(REMEMBERED);
        let last = names[forgotten..].iter().copied().chain([event]).collect();
        Arc::new(Self { length: length.saturating_add(1), last })
    }
}

impl fmt::Display for CauseChain {
    /// The last names, the latest at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length as usize > self.last.len() {
            f.write_str("… -> ")?;
        }
        f.write_str(&self.last.join(" -> "))
    }
}
