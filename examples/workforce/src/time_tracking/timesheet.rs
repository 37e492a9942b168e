//! What a timesheet is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Week;
use crate::db::{DbError, Row};
use crate::failure::Failure;

/// What an employee worked in one week, to be approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Timesheet {
    /// Time-ordered.
    pub id: Uuid,
    /// Whose.
    pub employee_id: Uuid,
    /// Of which week.
    #[schema(value_type = String, example = "2026-W48")]
    pub week: Week,
    /// How far it has come.
    pub status: TimesheetStatus,
    /// All of its time logs together, in minutes.
    pub minutes: i64,
    /// When it was submitted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub submitted_at: Option<Timestamp>,
    /// When it was approved.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub approved_at: Option<Timestamp>,
    /// Who approved it: a user.
    pub approved_by: Option<String>,
}

/// How far a timesheet has come. It goes on and never back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimesheetStatus {
    /// Its time logs can be changed.
    Draft,
    /// Waits for approval; its time logs stay as they are.
    Submitted,
    /// Its time logs stay as they are.
    Approved,
}

impl TimesheetStatus {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::Approved => "approved",
        }
    }

    /// Whatever is unknown may not be changed.
    fn parse(text: &str) -> Self {
        match text {
            "draft" => Self::Draft,
            "submitted" => Self::Submitted,
            _ => Self::Approved,
        }
    }
}

impl Timesheet {
    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.uuid("id")?,
            employee_id: row.uuid("employee_id")?,
            week: row.parse("week")?,
            status: TimesheetStatus::parse(&row.text("status")?),
            minutes: row.int("minutes")?,
            submitted_at: row.time_opt("submitted_at")?,
            approved_at: row.time_opt("approved_at")?,
            approved_by: row.text_opt("approved_by")?,
        })
    }

    /// Refuses to go on from anywhere but there.
    pub(super) fn expect(&self, status: TimesheetStatus) -> Result<(), Failure> {
        if self.status == status {
            return Ok(());
        }
        let (week, is, must) = (self.week, self.status.as_str(), status.as_str());
        Err(Failure::Conflict(format!(
            "the timesheet of {week} is {is}, and would have to be {must}"
        )))
    }
}
