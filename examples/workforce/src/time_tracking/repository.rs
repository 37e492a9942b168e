//! Time logs and timesheets in the database, to be read; what changes them is the book.

use cqrs_core::prelude::*;

use super::book::timesheets;
use super::{TimeLog, Timesheet, TimesheetStatus};
use crate::db::{Db, DbError, params};
use crate::paging::{Page, PageRequest};

#[derive(Injectable)]
pub(super) struct TimeRepository {
    pub(super) db: Db,
}

impl TimeRepository {
    pub(super) async fn time_log(
        &self,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<TimeLog>, DbError> {
        let sql = "SELECT * FROM time_logs WHERE tenant = ? AND id = ?";
        let row = self.db.row(sql, params![ctx.tenant(), id]).await?;
        row.as_ref().map(TimeLog::from_row).transpose()
    }

    /// Of one employee, or of all.
    pub(super) async fn time_logs(
        &self,
        ctx: &Context,
        employee_id: Option<Uuid>,
        page: &PageRequest,
    ) -> Result<Page<TimeLog>, DbError> {
        let rows = if let Some(employee) = employee_id {
            let sql = "SELECT * FROM time_logs WHERE tenant = ? AND employee_id = ? AND id < ?
                           ORDER BY id DESC LIMIT ?";
            let values = params![ctx.tenant(), employee, page.after(), page.rows()];
            self.db.rows(sql, values).await?
        } else {
            let sql = "SELECT * FROM time_logs WHERE tenant = ? AND id < ?
                           ORDER BY id DESC LIMIT ?";
            self.db.rows(sql, params![ctx.tenant(), page.after(), page.rows()]).await?
        };
        let logs = rows.iter().map(TimeLog::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(logs, |log: &TimeLog| log.id))
    }

    pub(super) async fn timesheet(
        &self,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<Timesheet>, DbError> {
        let sql = timesheets!("tenant = ? AND id = ?");
        let row = self.db.row(sql, params![ctx.tenant(), id]).await?;
        row.as_ref().map(Timesheet::from_row).transpose()
    }

    /// Of one employee, or of all.
    pub(super) async fn timesheets(
        &self,
        ctx: &Context,
        employee_id: Option<Uuid>,
        page: &PageRequest,
    ) -> Result<Page<Timesheet>, DbError> {
        let rows = if let Some(employee) = employee_id {
            let sql =
                timesheets!("tenant = ? AND employee_id = ? AND id < ? ORDER BY id DESC LIMIT ?");
            let values = params![ctx.tenant(), employee, page.after(), page.rows()];
            self.db.rows(sql, values).await?
        } else {
            let sql = timesheets!("tenant = ? AND id < ? ORDER BY id DESC LIMIT ?");
            self.db.rows(sql, params![ctx.tenant(), page.after(), page.rows()]).await?
        };
        let timesheets = rows.iter().map(Timesheet::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(timesheets, |timesheet: &Timesheet| timesheet.id))
    }

    /// Those that wait for approval.
    pub(super) async fn submitted(
        &self,
        ctx: &Context,
        page: &PageRequest,
    ) -> Result<Page<Timesheet>, DbError> {
        let sql = timesheets!("tenant = ? AND status = ? AND id < ? ORDER BY id DESC LIMIT ?");
        let status = TimesheetStatus::Submitted.as_str();
        let values = params![ctx.tenant(), status, page.after(), page.rows()];
        let rows = self.db.rows(sql, values).await?;
        let timesheets = rows.iter().map(Timesheet::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(timesheets, |timesheet: &Timesheet| timesheet.id))
    }
}
