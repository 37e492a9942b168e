//! What happens to organizations.

use cqrs_core::prelude::*;

/// An organization was created.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "organization.created", entity = "Organization", action = "created")]
#[event(describe = "created the organization {name}")]
pub struct OrganizationCreated {
    /// Which.
    #[event(entity_id)]
    pub organization_id: Uuid,
    /// As it is called.
    #[event(entity_name)]
    pub name: String,
    /// The user whose registration founded it, if it is a tenant's first.
    pub founder_id: Option<Uuid>,
}
