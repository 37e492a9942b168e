//! The parts of a tenant in which its employees work.

mod commands;
mod events;
pub(crate) mod http;
mod organization;
mod queries;
mod reactions;
mod repository;

pub use self::commands::CreateOrganization;
pub use self::events::OrganizationCreated;
pub use self::organization::Organization;
pub use self::queries::{FindOrganization, ListOrganizations};
