//! What a hook is.

use std::fmt;
use std::str::FromStr;

use cqrs_core::{Context, TenantId};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::signature::Secret;
use crate::db::{DbError, Row};

/// Where GitHub sends what happens in a repository or an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hook {
    /// Time-ordered.
    pub id: Uuid,
    /// What it is for, such as the repository's name.
    pub name: String,
    /// For which of the tenant's organizations.
    pub organization_id: Option<String>,
    /// When it was set up.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When GitHub last delivered something.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_delivery_at: Option<Timestamp>,
}

impl Hook {
    pub(super) const MAX_NAME: usize = 200;

    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.uuid("id")?,
            name: row.text("name")?,
            organization_id: row.text_opt("organization_id")?,
            created_at: row.time("created_at")?,
            last_delivery_at: row.time_opt("last_delivery_at")?,
        })
    }
}

/// A hook with what proves that a delivery is GitHub's.
#[derive(Debug)]
pub(super) struct HookWithSecret {
    pub(super) hook: Hook,
    pub(super) secret: Secret,
}

/// A hook's name in its address: `acme.0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f`. The tenant is there so that
/// even the statement that looks the hook up filters by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookAddress {
    tenant: TenantId,
    id: Uuid,
}

/// A text that names no hook.
#[derive(Debug, thiserror::Error)]
#[error("there is no such hook")]
pub struct InvalidHookAddress;

impl HookAddress {
    /// The address of the hook of a context's tenant; `None` in the system scope.
    pub(super) fn of(ctx: &Context, id: Uuid) -> Option<Self> {
        Some(Self { tenant: ctx.tenant_id()?.clone(), id })
    }

    /// Whose it says it is; true once a signature was verified.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Which of the tenant's hooks.
    pub fn id(&self) -> Uuid {
        self.id
    }
}

impl fmt::Display for HookAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.tenant, self.id)
    }
}

impl FromStr for HookAddress {
    type Err = InvalidHookAddress;

    fn from_str(text: &str) -> Result<Self, InvalidHookAddress> {
        let (tenant, id) = text.rsplit_once('.').ok_or(InvalidHookAddress)?;
        let tenant = TenantId::new(tenant).map_err(|_| InvalidHookAddress)?;
        // Uuids have several spellings; one address has one.
        let id = id.parse::<Uuid>().ok().filter(|it| it.to_string() == id);
        Ok(Self { tenant, id: id.ok_or(InvalidHookAddress)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_tenant_and_hook() {
        let text = "acme.0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f";
        let address: HookAddress = text.parse().expect("an address");
        assert_eq!((address.tenant().as_str(), address.to_string().as_str()), ("acme", text));
        for text in [
            "",
            ".",
            "acme",
            "acme.7",
            "0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f",
            "acme.{0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f}",
            "a/b.0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f",
        ] {
            assert!(text.parse::<HookAddress>().is_err(), "{text}");
        }
    }
}
