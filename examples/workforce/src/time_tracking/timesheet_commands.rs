//! What can be done with timesheets.

use cqrs_core::prelude::*;

use super::access::employee_to_change;
use super::book::Book;
use super::repository::TimeRepository;
use super::{Timesheet, TimesheetApproved, TimesheetStatus, TimesheetSubmitted};
use crate::db::now;
use crate::employees::FindEmployee;
use crate::failure::Failure;

/// Lets a timesheet wait for approval. From now on its time logs stay as they are.
#[derive(Debug, Clone, Command)]
#[command(output = Timesheet, error = Failure)]
pub struct SubmitTimesheet {
    /// Which.
    pub id: Uuid,
}

#[command_handler(SubmitTimesheet)]
struct SubmitTimesheetHandler {
    time: Arc<TimeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<SubmitTimesheet> for SubmitTimesheetHandler {
    async fn execute(&self, command: SubmitTimesheet, ctx: &Context) -> Result<Timesheet, Failure> {
        let found = self.time.timesheet(ctx, command.id).await?;
        let found = found.ok_or(Failure::NotFound("timesheet"))?;
        let employee = employee_to_change(&self.queries, ctx, found.employee_id).await?;

        let mut tx = self.time.db.begin().await?;
        let mut book = Book::open(&mut tx, ctx, found.employee_id).await?;
        let mut timesheet = book.timesheet(found.week).await?;
        timesheet.expect(TimesheetStatus::Draft)?;
        if timesheet.minutes == 0 {
            return Err(Failure::Conflict("the timesheet has no time logs".to_owned()));
        }
        timesheet.status = TimesheetStatus::Submitted;
        timesheet.submitted_at = Some(now());
        book.settle(&timesheet).await?;
        tx.commit().await?;
        let event = TimesheetSubmitted {
            timesheet_id: timesheet.id,
            employee_id: timesheet.employee_id,
            employee_name: employee.full_name,
            week: timesheet.week,
            minutes: timesheet.minutes,
        };
        self.events.publish(ctx, event).await?;
        Ok(timesheet)
    }
}

/// Approves a timesheet that was submitted.
#[derive(Debug, Clone, Command)]
#[command(output = Timesheet, error = Failure)]
pub struct ApproveTimesheet {
    /// Which.
    pub id: Uuid,
}

#[command_handler(ApproveTimesheet)]
struct ApproveTimesheetHandler {
    time: Arc<TimeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<ApproveTimesheet> for ApproveTimesheetHandler {
    async fn execute(
        &self,
        command: ApproveTimesheet,
        ctx: &Context,
    ) -> Result<Timesheet, Failure> {
        let found = self.time.timesheet(ctx, command.id).await?;
        let found = found.ok_or(Failure::NotFound("timesheet"))?;
        let employee = self.queries.execute(ctx, FindEmployee { id: found.employee_id }).await?;
        let employee = employee.ok_or(Failure::NotFound("employee"))?;

        let mut tx = self.time.db.begin().await?;
        let mut book = Book::open(&mut tx, ctx, found.employee_id).await?;
        let mut timesheet = book.timesheet(found.week).await?;
        timesheet.expect(TimesheetStatus::Submitted)?;
        timesheet.status = TimesheetStatus::Approved;
        timesheet.approved_at = Some(now());
        timesheet.approved_by = ctx.actor().map(|actor| actor.id().to_owned());
        book.settle(&timesheet).await?;
        tx.commit().await?;
        let event = TimesheetApproved {
            timesheet_id: timesheet.id,
            employee_id: timesheet.employee_id,
            employee_name: employee.full_name,
            week: timesheet.week,
            minutes: timesheet.minutes,
        };
        self.events.publish(ctx, event).await?;
        Ok(timesheet)
    }
}
