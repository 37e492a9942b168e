//! Entries as of a product with ten tenants.

use cqrs_activity_log::Activity;
use cqrs_core::{Actor, Context};
use serde_json::json;
use uuid::Uuid;

pub(crate) const TENANTS: usize = 10;

const ENTITIES: [&str; 4] = ["Employee", "TimeLog", "Timesheet", "Invoice"];
const ACTIONS: [&str; 4] = ["created", "updated", "submitted", "approved"];

/// The context of one of a tenant's hundred users.
pub(crate) fn context(tenant: usize) -> Result<Context, cqrs_core::InvalidTenant> {
    let person = fastrand::u32(..100);
    let actor = Actor::user(format!("user-{person}")).named(format!("Person {person}"));
    Ok(Context::for_tenant(format!("tenant-{tenant}"))?
        .with_actor(actor)
        .with_organization(person % 5))
}

/// An entry of some 700 bytes.
pub(crate) fn activity() -> Activity {
    let kind = fastrand::usize(..ENTITIES.len());
    let id = Uuid::from_u128(fastrand::u128(..));
    Activity::new(ACTIONS[fastrand::usize(..ACTIONS.len())], ENTITIES[kind])
        .id(id)
        .named(format!("{} {}", ENTITIES[kind], fastrand::u16(..)))
        .data(json!({
            "id": id, "project": format!("project-{}", fastrand::u8(..)), "minutes": fastrand::u16(..),
            "note": "Reviewed the migration plan and answered the questions that were left",
        }))
}
