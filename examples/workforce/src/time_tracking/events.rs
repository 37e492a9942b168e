//! What happens to time logs and timesheets.

use cqrs_core::prelude::*;
use jiff::Timestamp;

use super::Week;

/// What an employee worked in a week, after an event. Events may arrive in any order: of two totals of one
/// employee and week, the one with the greater revision is the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekTotal {
    /// Which week.
    pub week: Week,
    /// All that was worked in it, in minutes.
    pub minutes: i64,
    /// Greater with every change of the employee's time.
    pub revision: i64,
}

/// Time was recorded.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(
    name = "time-log.created",
    entity = "TimeLog",
    action = "created",
    describe = "recorded {minutes} minutes on {project}"
)]
pub struct TimeLogCreated {
    /// Which.
    #[event(entity_id)]
    pub time_log_id: Uuid,
    /// Who worked.
    pub employee_id: Uuid,
    /// On what.
    #[event(entity_name)]
    pub project: String,
    /// When the work began.
    pub started_at: Timestamp,
    /// How long it took.
    pub minutes: i64,
    /// Where it comes from: `manual`, `github` or `upwork`.
    pub source: String,
    /// The week of which it is a part.
    pub total: WeekTotal,
}

/// Recorded time was changed.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(
    name = "time-log.updated",
    entity = "TimeLog",
    action = "updated",
    describe = "changed recorded time on {project}"
)]
pub struct TimeLogUpdated {
    /// Which.
    #[event(entity_id)]
    pub time_log_id: Uuid,
    /// Who worked.
    pub employee_id: Uuid,
    /// On what.
    #[event(entity_name)]
    pub project: String,
    /// What was changed.
    #[event(changes)]
    pub changes: Changes,
    /// The week of which it is a part, and the one of which it was a part before, if it is another.
    pub totals: Vec<WeekTotal>,
}

/// Recorded time was removed.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(
    name = "time-log.deleted",
    entity = "TimeLog",
    action = "deleted",
    describe = "removed {minutes} minutes on {project}"
)]
pub struct TimeLogDeleted {
    /// Which.
    #[event(entity_id)]
    pub time_log_id: Uuid,
    /// Who worked.
    pub employee_id: Uuid,
    /// On what.
    #[event(entity_name)]
    pub project: String,
    /// How long it took.
    pub minutes: i64,
    /// The week of which it was a part.
    pub total: WeekTotal,
}

/// A timesheet waits for approval.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(
    name = "timesheet.submitted",
    entity = "Timesheet",
    action = "submitted",
    describe = "submitted the timesheet of {employee_name} for {week}"
)]
pub struct TimesheetSubmitted {
    /// Which.
    #[event(entity_id)]
    pub timesheet_id: Uuid,
    /// Whose.
    pub employee_id: Uuid,
    /// As they are called.
    #[event(entity_name)]
    pub employee_name: String,
    /// Of which week.
    pub week: Week,
    /// What was worked, in minutes.
    pub minutes: i64,
}

/// A timesheet was approved.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(
    name = "timesheet.approved",
    entity = "Timesheet",
    action = "approved",
    describe = "approved the timesheet of {employee_name} for {week}"
)]
pub struct TimesheetApproved {
    /// Which.
    #[event(entity_id)]
    pub timesheet_id: Uuid,
    /// Whose.
    pub employee_id: Uuid,
    /// As they are called.
    #[event(entity_name)]
    pub employee_name: String,
    /// Of which week.
    pub week: Week,
    /// What was worked, in minutes.
    pub minutes: i64,
}
