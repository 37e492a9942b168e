//! What can be asked about time logs and timesheets.

use cqrs_core::prelude::*;

use super::repository::TimeRepository;
use super::{TimeLog, Timesheet};
use crate::failure::Failure;
use crate::paging::{Page, PageParams, PageRequest};

/// One time log.
#[derive(Debug, Clone, Query)]
#[query(output = Option<TimeLog>, error = Failure)]
pub struct FindTimeLog {
    /// Which.
    pub id: Uuid,
}

#[query_handler(FindTimeLog)]
struct FindTimeLogHandler {
    time: Arc<TimeRepository>,
}

impl QueryHandler<FindTimeLog> for FindTimeLogHandler {
    async fn execute(&self, query: FindTimeLog, ctx: &Context) -> Result<Option<TimeLog>, Failure> {
        Ok(self.time.time_log(ctx, query.id).await?)
    }
}

/// A page of time logs, of one employee or of all.
#[derive(Debug, Clone, Default, Query)]
#[query(output = Page<TimeLog>, error = Failure)]
pub struct ListTimeLogs {
    /// Whose, if not everybody's.
    pub employee_id: Option<Uuid>,
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListTimeLogs)]
struct ListTimeLogsHandler {
    time: Arc<TimeRepository>,
}

impl QueryHandler<ListTimeLogs> for ListTimeLogsHandler {
    async fn execute(&self, query: ListTimeLogs, ctx: &Context) -> Result<Page<TimeLog>, Failure> {
        let page = PageRequest::new(ctx, &list("time-logs", query.employee_id), &query.page)?;
        Ok(self.time.time_logs(ctx, query.employee_id, &page).await?)
    }
}

/// One timesheet.
#[derive(Debug, Clone, Query)]
#[query(output = Option<Timesheet>, error = Failure)]
pub struct FindTimesheet {
    /// Which.
    pub id: Uuid,
}

#[query_handler(FindTimesheet)]
struct FindTimesheetHandler {
    time: Arc<TimeRepository>,
}

impl QueryHandler<FindTimesheet> for FindTimesheetHandler {
    async fn execute(
        &self,
        query: FindTimesheet,
        ctx: &Context,
    ) -> Result<Option<Timesheet>, Failure> {
        Ok(self.time.timesheet(ctx, query.id).await?)
    }
}

/// A page of timesheets, of one employee or of all.
#[derive(Debug, Clone, Default, Query)]
#[query(output = Page<Timesheet>, error = Failure)]
pub struct ListTimesheets {
    /// Whose, if not everybody's.
    pub employee_id: Option<Uuid>,
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListTimesheets)]
struct ListTimesheetsHandler {
    time: Arc<TimeRepository>,
}

impl QueryHandler<ListTimesheets> for ListTimesheetsHandler {
    async fn execute(
        &self,
        query: ListTimesheets,
        ctx: &Context,
    ) -> Result<Page<Timesheet>, Failure> {
        let page = PageRequest::new(ctx, &list("timesheets", query.employee_id), &query.page)?;
        Ok(self.time.timesheets(ctx, query.employee_id, &page).await?)
    }
}

/// A page of the timesheets that wait for approval.
#[derive(Debug, Clone, Default, Query)]
#[query(output = Page<Timesheet>, error = Failure)]
pub struct ListSubmittedTimesheets {
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListSubmittedTimesheets)]
struct ListSubmittedTimesheetsHandler {
    time: Arc<TimeRepository>,
}

impl QueryHandler<ListSubmittedTimesheets> for ListSubmittedTimesheetsHandler {
    async fn execute(
        &self,
        query: ListSubmittedTimesheets,
        ctx: &Context,
    ) -> Result<Page<Timesheet>, Failure> {
        let page = PageRequest::new(ctx, "submitted timesheets", &query.page)?;
        Ok(self.time.submitted(ctx, &page).await?)
    }
}

/// One employee's list is another one than everybody's, and takes other cursors.
fn list(name: &str, employee_id: Option<Uuid>) -> String {
    format!("{name} {}", employee_id.unwrap_or_default())
}
