//! How much employees work, as time tracking tells.

use cqrs_core::prelude::*;
use jiff::Timestamp;
use utoipa::ToSchema;

use crate::db::{Db, DbError, now, params};
use crate::failure::Failure;
use crate::time_tracking::{TimeLogCreated, TimeLogDeleted, TimeLogUpdated, Week, WeekTotal};

/// How much an employee works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EmployeeHours {
    /// The present week.
    #[schema(value_type = String, example = "2026-W48")]
    pub week: Week,
    /// Worked in it so far, in minutes.
    pub minutes_this_week: i64,
    /// When something about their time last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_activity_at: Option<Timestamp>,
}

/// How much an employee works at present.
#[derive(Debug, Clone, Query)]
#[query(output = EmployeeHours, error = Failure)]
pub struct FindEmployeeHours {
    /// Who.
    pub employee_id: Uuid,
}

#[query_handler(FindEmployeeHours)]
struct FindEmployeeHoursHandler {
    hours: Arc<HoursRepository>,
}

impl QueryHandler<FindEmployeeHours> for FindEmployeeHoursHandler {
    async fn execute(
        &self,
        query: FindEmployeeHours,
        ctx: &Context,
    ) -> Result<EmployeeHours, Failure> {
        Ok(self.hours.find(ctx, query.employee_id, Week::current()).await?)
    }
}

/// Keeps the hours of each employee and week.
#[events_handler(TimeLogCreated, TimeLogUpdated, TimeLogDeleted)]
struct KeepHours {
    hours: Arc<HoursRepository>,
}

impl EventHandler<TimeLogCreated> for KeepHours {
    async fn handle(&self, event: &TimeLogCreated, ctx: &Context) -> HandlerResult {
        Ok(self.hours.keep(ctx, event.employee_id, &[event.total]).await?)
    }
}

impl EventHandler<TimeLogUpdated> for KeepHours {
    async fn handle(&self, event: &TimeLogUpdated, ctx: &Context) -> HandlerResult {
        Ok(self.hours.keep(ctx, event.employee_id, &event.totals).await?)
    }
}

impl EventHandler<TimeLogDeleted> for KeepHours {
    async fn handle(&self, event: &TimeLogDeleted, ctx: &Context) -> HandlerResult {
        Ok(self.hours.keep(ctx, event.employee_id, &[event.total]).await?)
    }
}

#[derive(Injectable)]
struct HoursRepository {
    db: Db,
}

impl HoursRepository {
    /// Each total says everything, and its revision whether it is the latest: however often and in
    /// whatever order they come, the last one stays.
    async fn keep(
        &self,
        ctx: &Context,
        employee_id: Uuid,
        totals: &[WeekTotal],
    ) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        for total in totals {
            tx.execute(
                "INSERT INTO employee_weeks
                     (tenant, employee_id, week, minutes, revision, changed_at)
                 VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (tenant, employee_id, week) DO UPDATE
                 SET minutes = excluded.minutes, revision = excluded.revision,
                     changed_at = excluded.changed_at
                 WHERE employee_weeks.revision < excluded.revision",
                params![
                    ctx.tenant(),
                    employee_id,
                    total.week.to_string(),
                    total.minutes,
                    total.revision,
                    now(),
                ],
            )
            .await?;
        }
        tx.commit().await
    }

    async fn find(&self, ctx: &Context, id: Uuid, week: Week) -> Result<EmployeeHours, DbError> {
        let sql = "SELECT MAX(changed_at) AS changed_at,
                       CAST(COALESCE(SUM(CASE WHEN week = ? THEN minutes ELSE 0 END), 0) AS BIGINT)
                           AS minutes
                   FROM employee_weeks WHERE tenant = ? AND employee_id = ?";
        let row = self.db.row(sql, params![week.to_string(), ctx.tenant(), id]).await?;
        let (minutes_this_week, last_activity_at) = match row {
            Some(row) => (row.int("minutes")?, row.time_opt("changed_at")?),
            None => (0, None),
        };
        Ok(EmployeeHours { week, minutes_this_week, last_activity_at })
    }
}
