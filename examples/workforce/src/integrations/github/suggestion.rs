//! What a suggested time log is.

use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::payload::Work;
use crate::db::{DbError, Row};
use crate::time_tracking::Span;

/// Work that was seen at GitHub, and that may become a time log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimeLogSuggestion {
    /// Time-ordered.
    pub id: Uuid,
    /// Which delivery told of it.
    pub delivery_id: Uuid,
    /// Who worked.
    pub employee_id: Uuid,
    /// On what: the repository.
    pub project: String,
    /// What was done.
    pub note: String,
    /// When the work may have begun.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// How long it may have taken.
    pub minutes: i64,
    /// What became of it.
    pub status: SuggestionStatus,
    /// The time log that it became; while it is open, the one that it is becoming.
    pub time_log_id: Option<Uuid>,
}

/// What became of a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SuggestionStatus {
    /// Nothing yet.
    Open,
    /// A time log.
    Accepted,
    /// Nothing, and it shall not come back.
    Dismissed,
}

impl SuggestionStatus {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Dismissed => "dismissed",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "open" => Self::Open,
            "accepted" => Self::Accepted,
            _ => Self::Dismissed,
        }
    }
}

impl TimeLogSuggestion {
    /// A first commit is taken to be half an hour's work.
    const FIRST_COMMIT: i64 = 30;

    pub(super) fn of(delivery_id: Uuid, employee_id: Uuid, project: &str, work: &Work) -> Self {
        let started_at = work.from.checked_sub(Self::FIRST_COMMIT.minutes()).unwrap_or(work.from);
        let minutes = (work.until.as_second() - started_at.as_second()) / 60;
        let commits = if work.commits == 1 { "commit" } else { "commits" };
        Self {
            id: Uuid::now_v7(),
            delivery_id,
            employee_id,
            project: project.chars().take(200).collect(),
            note: format!("{} {commits}: {}", work.commits, work.message),
            started_at,
            minutes: minutes.clamp(1, Span::MAX_MINUTES),
            status: SuggestionStatus::Open,
            time_log_id: None,
        }
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.uuid("id")?,
            delivery_id: row.uuid("delivery_id")?,
            employee_id: row.uuid("employee_id")?,
            project: row.text("project")?,
            note: row.text("note")?,
            started_at: row.time("started_at")?,
            minutes: row.int("minutes")?,
            status: SuggestionStatus::parse(&row.text("status")?),
            time_log_id: row.uuid_opt("time_log_id")?,
        })
    }
}
