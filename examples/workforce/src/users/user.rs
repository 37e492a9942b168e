//! What a user is.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::Role;
use crate::db::{DbError, Row};

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct User {
    /// Time-ordered.
    pub id: Uuid,
    /// Where they work.
    pub organization_id: Option<Uuid>,
    /// As they are called.
    pub full_name: String,
    /// In lower case; one user of a tenant for each.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Since when they are a user.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl User {
    pub(super) const MAX_NAME: usize = 200;

    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.uuid("id")?,
            organization_id: row.uuid_opt("organization_id")?,
            full_name: row.text("full_name")?,
            email: row.text("email")?,
            role: Role::parse(&row.text("role")?),
            created_at: row.time("created_at")?,
        })
    }
}
