//! The event that is published.

use cqrs_core::prelude::*;

#[derive(Debug, Serialize, Deserialize, Event)]
pub(crate) struct OrderPlaced {
    #[event(entity_id)]
    order: u32,
    pub(crate) note: String,
}

impl OrderPlaced {
    pub(crate) fn new(order: u32) -> Self {
        Self { order, note: "two chairs and a table".to_owned() }
    }
}

/// One of many tenants.
pub(crate) fn context(tenant: usize) -> Context {
    Context::for_tenant(format!("tenant-{tenant}")).expect("valid")
}
