//! What happens at GitHub.

use cqrs_core::prelude::*;

/// GitHub told a hook something. What it told is stored, and read by the delivery's identifier: it may be
/// far larger than an event.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(
    name = "github.webhook",
    entity = "GitHubDelivery",
    action = "received",
    describe = "delivered {kind} for {hook_name}"
)]
pub struct GitHubWebhook {
    /// Where it is stored.
    #[event(entity_id)]
    pub delivery_id: Uuid,
    /// Which hook was told.
    pub hook_id: Uuid,
    /// What the hook is for.
    pub hook_name: String,
    /// What GitHub told: `push`, `ping` or anything else.
    #[event(entity_name)]
    pub kind: String,
    /// How large the stored body is, in bytes.
    pub size: u64,
}
