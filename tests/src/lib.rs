//! What tests of several crates share: a business module in a crate of its own, of which a test names nothing
//! but the crate, stores for tests, and the checker of module arrows.

pub mod arrows;
mod docs;
pub mod intercepted;
pub mod ledger;

use cqrs_core::prelude::*;

/// A badge was printed for a new employee. No code outside this crate names it.
#[derive(Serialize, Deserialize, Event)]
pub struct BadgePrinted {
    /// Whose badge.
    #[event(entity_id)]
    pub employee_id: u64,
}

/// Knows how many badges were printed.
#[events_handler(BadgePrinted, name = "count-badges-in-another-crate")]
pub struct CountBadges {
    #[inject(default)]
    printed: std::sync::atomic::AtomicUsize,
}

impl EventHandler<BadgePrinted> for CountBadges {
    async fn handle(&self, _: &BadgePrinted, _: &Context) -> HandlerResult {
        self.printed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }
}
