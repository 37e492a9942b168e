//! What happens to integrations of any kind.

use cqrs_core::prelude::*;
use jiff::Timestamp;

/// Something was taken from another program.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(
    name = "integration.sync",
    entity = "Integration",
    action = "synced",
    describe = "synced {name}: {taken} taken, {failed} failed"
)]
pub struct IntegrationSync {
    /// Which: a hook's identifier, or the program's name where a tenant has one integration of it.
    #[event(entity_id)]
    pub integration_id: String,
    /// As people call it.
    #[event(entity_name)]
    pub name: String,
    /// How much was taken.
    pub taken: u64,
    /// How much was not, since it was wrong.
    pub failed: u64,
    /// When.
    pub synced_at: Timestamp,
}
