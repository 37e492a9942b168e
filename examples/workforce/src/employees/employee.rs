//! What an employee is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::{DbError, Row};
use crate::failure::Failure;
use crate::fields::Fields;

/// Somebody who works for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Employee {
    /// Time-ordered.
    pub id: Uuid,
    /// Where they work.
    pub organization_id: Option<Uuid>,
    /// Their user, once they have accepted their invite.
    pub user_id: Option<Uuid>,
    /// As they are called.
    pub full_name: String,
    /// In lower case; one employee of a tenant for each.
    pub email: String,
    /// What they do; may be empty.
    pub title: String,
    /// How far they have come.
    pub status: EmployeeStatus,
    /// When they were added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// How far an employee has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmployeeStatus {
    /// Has not accepted their invite.
    Invited,
    /// Can sign in.
    Active,
    /// Has left.
    Inactive,
}

impl EmployeeStatus {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "inactive" => Self::Inactive,
            _ => Self::Invited,
        }
    }
}

impl Employee {
    pub(super) const MAX_NAME: usize = 200;

    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.uuid("id")?,
            organization_id: row.uuid_opt("organization_id")?,
            user_id: row.uuid_opt("user_id")?,
            full_name: row.text("full_name")?,
            email: row.text("email")?,
            title: row.text("title")?,
            status: EmployeeStatus::parse(&row.text("status")?),
            created_at: row.time("created_at")?,
        })
    }

    /// Trimmed and in lower case where that is so.
    pub(super) fn checked(self) -> Result<Self, Failure> {
        let mut fields = Fields::default();
        let full_name = fields.line("full_name", &self.full_name, Self::MAX_NAME);
        let email = fields.email("email", &self.email);
        let title = fields.line_opt("title", Some(&self.title), Self::MAX_NAME).unwrap_or_default();
        fields.finish()?;
        Ok(Self { full_name, email, title, ..self })
    }
}
