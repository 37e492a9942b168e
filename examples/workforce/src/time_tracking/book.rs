//! An employee's time, being changed: nobody else changes it until the transaction ends.

use cqrs_core::prelude::*;
use jiff::{Timestamp, ToSpan as _};

use super::{Span, TimeLog, Timesheet, TimesheetStatus, Week, WeekTotal};
use crate::db::{DbError, Row, Tx, params};
use crate::failure::Failure;

/// What a timesheet is read with.
macro_rules! timesheets {
    ($rest:literal) => {
        concat!(
            "SELECT timesheets.*, (SELECT CAST(COALESCE(SUM(ended_at - started_at), 0) / 60000000 AS BIGINT)
                 FROM time_logs
                 WHERE time_logs.tenant = timesheets.tenant
                   AND time_logs.employee_id = timesheets.employee_id
                   AND time_logs.week = timesheets.week) AS minutes
             FROM timesheets WHERE ",
            $rest
        )
    };
}
pub(super) use timesheets;

/// The time of one employee in an open transaction.
pub(super) struct Book<'a> {
    tx: &'a mut Tx,
    tenant: &'a TenantScope,
    employee_id: Uuid,
    /// Greater with every change of this employee's time.
    pub(super) revision: i64,
}

impl<'a> Book<'a> {
    /// Waits for whoever else changes this employee's time.
    pub(super) async fn open(
        tx: &'a mut Tx,
        ctx: &'a Context,
        employee_id: Uuid,
    ) -> Result<Self, DbError> {
        let row = tx
            .row(
                "INSERT INTO time_books (tenant, employee_id, revision) VALUES (?, ?, 1)
                 ON CONFLICT (tenant, employee_id) DO UPDATE SET revision = time_books.revision + 1
                 RETURNING revision",
                params![ctx.tenant(), employee_id],
            )
            .await?;
        let revision = row.map(|row| row.int("revision")).transpose()?.unwrap_or_default();
        Ok(Self { tx, tenant: ctx.tenant(), employee_id, revision })
    }

    /// The timesheet of that week, made where there is none.
    pub(super) async fn timesheet(&mut self, week: Week) -> Result<Timesheet, Failure> {
        let (employee, text) = (self.employee_id, week.to_string());
        self.tx
            .execute(
                "INSERT INTO timesheets (tenant, id, employee_id, week, status)
                 VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, employee_id, week) DO NOTHING",
                params![
                    self.tenant,
                    Uuid::now_v7(),
                    employee,
                    &text,
                    TimesheetStatus::Draft.as_str()
                ],
            )
            .await?;
        let sql = timesheets!("tenant = ? AND employee_id = ? AND week = ?");
        let row = self.tx.row(sql, params![self.tenant, employee, &text]).await?;
        let row = row.ok_or(Failure::NotFound("timesheet"))?;
        Ok(Timesheet::from_row(&row)?)
    }

    /// Refuses where the timesheet of that week can no longer change.
    pub(super) async fn expect_draft(&mut self, week: Week) -> Result<(), Failure> {
        self.timesheet(week).await?.expect(TimesheetStatus::Draft)
    }

    /// Refuses where another time log lies in that span.
    pub(super) async fn expect_free(&mut self, span: Span, except: Uuid) -> Result<(), Failure> {
        // None is longer than a day, so that those further back need no look.
        let day_before = span.started_at().checked_sub((24 * 60).minutes());
        let day_before = day_before.unwrap_or(Timestamp::MIN);
        let row = self
            .tx
            .row(
                "SELECT started_at, ended_at, project FROM time_logs
                 WHERE tenant = ? AND employee_id = ? AND started_at >= ? AND started_at < ?
                   AND ended_at > ? AND id <> ? ORDER BY started_at LIMIT 1",
                params![
                    self.tenant,
                    self.employee_id,
                    day_before,
                    span.ended_at(),
                    span.started_at(),
                    except
                ],
            )
            .await?;
        row.map_or(Ok(()), |row| Err(overlap(&row)?))
    }

    /// The source's log of this identifier, if it is there already.
    pub(super) async fn imported(
        &mut self,
        source: &str,
        id: &str,
    ) -> Result<Option<Uuid>, DbError> {
        let sql = "SELECT id FROM time_logs WHERE tenant = ? AND source = ? AND external_id = ?";
        let row = self.tx.row(sql, params![self.tenant, source, id]).await?;
        row.map(|row| row.uuid("id")).transpose()
    }

    /// `false` if the source's log of this identifier is there already.
    pub(super) async fn insert(
        &mut self,
        log: &TimeLog,
        external_id: Option<&str>,
    ) -> Result<bool, DbError> {
        let inserted = self
            .tx
            .execute(
                "INSERT INTO time_logs (tenant, id, employee_id, project, note, started_at, ended_at,
                     week, source, external_id, created_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (tenant, source, external_id) DO NOTHING",
                params![
                    self.tenant,
                    log.id,
                    self.employee_id,
                    &log.project,
                    &log.note,
                    log.span.started_at(),
                    log.span.ended_at(),
                    log.week.to_string(),
                    &log.source,
                    external_id,
                    log.created_at,
                ],
            )
            .await?;
        Ok(inserted == 1)
    }

    pub(super) async fn update(&mut self, log: &TimeLog) -> Result<(), DbError> {
        self.tx
            .execute(
                "UPDATE time_logs SET project = ?, note = ?, started_at = ?, ended_at = ?, week = ?
                 WHERE tenant = ? AND id = ?",
                params![
                    &log.project,
                    &log.note,
                    log.span.started_at(),
                    log.span.ended_at(),
                    log.week.to_string(),
                    self.tenant,
                    log.id,
                ],
            )
            .await?;
        Ok(())
    }

    pub(super) async fn delete(&mut self, id: Uuid) -> Result<(), DbError> {
        self.tx
            .execute("DELETE FROM time_logs WHERE tenant = ? AND id = ?", params![self.tenant, id])
            .await?;
        Ok(())
    }

    /// A time log as it is now, if it is this employee's.
    pub(super) async fn time_log(&mut self, id: Uuid) -> Result<TimeLog, Failure> {
        let row = self
            .tx
            .row(
                "SELECT * FROM time_logs WHERE tenant = ? AND employee_id = ? AND id = ?",
                params![self.tenant, self.employee_id, id],
            )
            .await?;
        Ok(TimeLog::from_row(&row.ok_or(Failure::NotFound("time log"))?)?)
    }

    /// All that was worked in that week.
    pub(super) async fn total(&mut self, week: Week) -> Result<WeekTotal, DbError> {
        let row = self
            .tx
            .row(
                "SELECT CAST(COALESCE(SUM(ended_at - started_at), 0) / 60000000 AS BIGINT) AS minutes
                 FROM time_logs WHERE tenant = ? AND employee_id = ? AND week = ?",
                params![self.tenant, self.employee_id, week.to_string()],
            )
            .await?;
        let minutes = row.map(|row| row.int("minutes")).transpose()?.unwrap_or_default();
        Ok(WeekTotal { week, minutes, revision: self.revision })
    }

    /// Notes how far a timesheet has come.
    pub(super) async fn settle(&mut self, timesheet: &Timesheet) -> Result<(), DbError> {
        self.tx
            .execute(
                "UPDATE timesheets
                 SET status = ?, submitted_at = ?, approved_at = ?, approved_by = ?
                 WHERE tenant = ? AND id = ?",
                params![
                    timesheet.status.as_str(),
                    timesheet.submitted_at,
                    timesheet.approved_at,
                    timesheet.approved_by.clone(),
                    self.tenant,
                    timesheet.id,
                ],
            )
            .await?;
        Ok(())
    }
}

fn overlap(row: &Row) -> Result<Failure, DbError> {
    let (start, end) = (row.time("started_at")?, row.time("ended_at")?);
    let project = row.text("project")?;
    Ok(Failure::Conflict(format!(
        "it overlaps the time log from {start} to {end} on {}",
        project.escape_debug()
    )))
}
