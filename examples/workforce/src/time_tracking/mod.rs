//! Who worked on what, and when: time logs, and a timesheet for each employee and week.

mod access;
mod book;
mod events;
pub(crate) mod http;
mod import;
mod queries;
mod reactions;
mod repository;
mod time_log;
mod time_log_commands;
mod timesheet;
mod timesheet_commands;
mod week;

pub use self::events::{
    TimeLogCreated, TimeLogDeleted, TimeLogUpdated, TimesheetApproved, TimesheetSubmitted,
    WeekTotal,
};
pub use self::import::{ImportTimeLogs, ImportedTimeLog, NewTimeLog};
pub use self::queries::{
    FindTimeLog, FindTimesheet, ListSubmittedTimesheets, ListTimeLogs, ListTimesheets,
};
pub use self::time_log::{Span, TimeLog};
pub use self::time_log_commands::{CreateTimeLog, DeleteTimeLog, UpdateTimeLog};
pub use self::timesheet::{Timesheet, TimesheetStatus};
pub use self::timesheet_commands::{ApproveTimesheet, SubmitTimesheet};
pub use self::week::{InvalidWeek, Week};

pub(crate) use self::access::employee_to_change;
