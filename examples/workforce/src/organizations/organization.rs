//! What an organization is.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::{DbError, Row, now};

/// A part of a tenant in which employees work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Organization {
    /// Time-ordered.
    pub id: Uuid,
    /// One organization of a tenant for each.
    pub name: String,
    /// How many employees were added to it.
    pub headcount: i64,
    /// When something was last taken from another program for it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_synced_at: Option<Timestamp>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl Organization {
    pub(super) const MAX_NAME: usize = 200;

    pub(super) fn new(name: String) -> Self {
        Self { id: Uuid::now_v7(), name, headcount: 0, last_synced_at: None, created_at: now() }
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.uuid("id")?,
            name: row.text("name")?,
            headcount: row.int("headcount")?,
            last_synced_at: row.time_opt("last_synced_at")?,
            created_at: row.time("created_at")?,
        })
    }
}
