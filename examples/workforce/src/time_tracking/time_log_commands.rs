//! What can be done with time logs.

use cqrs_core::prelude::*;
use jiff::Timestamp;

use super::access::employee_to_change;
use super::book::Book;
use super::repository::TimeRepository;
use super::{Span, TimeLog, TimeLogCreated, TimeLogDeleted, TimeLogUpdated, WeekTotal};
use crate::failure::Failure;
use crate::fields::Fields;

/// Records time that an employee worked.
#[derive(Debug, Clone, Command)]
#[command(output = TimeLog, error = Failure)]
pub struct CreateTimeLog {
    /// Who worked.
    pub employee_id: Uuid,
    /// On what, at most 200 characters.
    pub project: String,
    /// Anything else, at most 1000 characters; may be empty.
    pub note: String,
    /// When the work began.
    pub started_at: Timestamp,
    /// When it ended, where `minutes` does not say so.
    pub ended_at: Option<Timestamp>,
    /// How long it took, where `ended_at` does not say so; at most a day.
    pub minutes: Option<i64>,
}

#[command_handler(CreateTimeLog)]
struct CreateTimeLogHandler {
    time: Arc<TimeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<CreateTimeLog> for CreateTimeLogHandler {
    async fn execute(&self, command: CreateTimeLog, ctx: &Context) -> Result<TimeLog, Failure> {
        let CreateTimeLog { employee_id, project, note, started_at, ended_at, minutes } = command;
        let mut fields = Fields::default();
        let span = Span::checked(&mut fields, started_at, ended_at, minutes);
        let log = TimeLog::new(&mut fields, employee_id, &project, &note, span);
        fields.finish()?;
        let log = log.ok_or(Failure::field("minutes", "is missing"))?;
        employee_to_change(&self.queries, ctx, employee_id).await?;

        let mut tx = self.time.db.begin().await?;
        let mut book = Book::open(&mut tx, ctx, employee_id).await?;
        book.expect_draft(log.week).await?;
        book.expect_free(log.span, log.id).await?;
        book.insert(&log, None).await?;
        let total = book.total(log.week).await?;
        tx.commit().await?;
        self.events.publish(ctx, TimeLogCreated::of(&log, total)).await?;
        Ok(log)
    }
}

/// Changes recorded time; what is `None` stays.
#[derive(Debug, Clone, Default, Command)]
#[command(output = TimeLog, error = Failure)]
pub struct UpdateTimeLog {
    /// Which.
    pub id: Uuid,
    /// On what.
    pub project: Option<String>,
    /// Anything else.
    pub note: Option<String>,
    /// When the work began; it still takes as long, unless that is said too.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took.
    pub minutes: Option<i64>,
}

#[command_handler(UpdateTimeLog)]
struct UpdateTimeLogHandler {
    time: Arc<TimeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<UpdateTimeLog> for UpdateTimeLogHandler {
    async fn execute(&self, command: UpdateTimeLog, ctx: &Context) -> Result<TimeLog, Failure> {
        let id = command.id;
        let found = self.time.time_log(ctx, id).await?.ok_or(Failure::NotFound("time log"))?;
        employee_to_change(&self.queries, ctx, found.employee_id).await?;

        let mut tx = self.time.db.begin().await?;
        let mut book = Book::open(&mut tx, ctx, found.employee_id).await?;
        let old = book.time_log(id).await?;
        let new = command.change(&old)?;
        if new == old {
            return Ok(new);
        }
        book.expect_draft(old.week).await?;
        book.expect_draft(new.week).await?;
        book.expect_free(new.span, id).await?;
        book.update(&new).await?;
        let mut totals = vec![book.total(new.week).await?];
        if old.week != new.week {
            totals.push(book.total(old.week).await?);
        }
        tx.commit().await?;

        let changes = Changes::between(&old, &new);
        let changes = changes.map_err(|error| Failure::Internal(error.to_string()))?;
        let (employee_id, project) = (new.employee_id, new.project.clone());
        let event = TimeLogUpdated { time_log_id: id, employee_id, project, changes, totals };
        self.events.publish(ctx, event).await?;
        Ok(new)
    }
}

impl UpdateTimeLog {
    fn change(self, old: &TimeLog) -> Result<TimeLog, Failure> {
        let mut fields = Fields::default();
        let start = self.started_at.unwrap_or(old.span.started_at());
        let minutes = match self.ended_at {
            Some(_) => self.minutes,
            None => Some(self.minutes.unwrap_or(old.minutes)),
        };
        let span = Span::checked(&mut fields, start, self.ended_at, minutes);
        let (project, note) = (self.project.as_ref(), self.note.as_ref());
        let (project, note) = (project.unwrap_or(&old.project), note.unwrap_or(&old.note));
        let new = TimeLog::new(&mut fields, old.employee_id, project, note, span);
        fields.finish()?;
        let new = new.ok_or(Failure::field("minutes", "is missing"))?;
        let source = old.source.clone();
        Ok(TimeLog { id: old.id, source, created_at: old.created_at, ..new })
    }
}

/// Removes recorded time.
#[derive(Debug, Clone, Command)]
#[command(output = (), error = Failure)]
pub struct DeleteTimeLog {
    /// Which.
    pub id: Uuid,
}

#[command_handler(DeleteTimeLog)]
struct DeleteTimeLogHandler {
    time: Arc<TimeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<DeleteTimeLog> for DeleteTimeLogHandler {
    async fn execute(&self, command: DeleteTimeLog, ctx: &Context) -> Result<(), Failure> {
        let id = command.id;
        let found = self.time.time_log(ctx, id).await?.ok_or(Failure::NotFound("time log"))?;
        employee_to_change(&self.queries, ctx, found.employee_id).await?;

        let mut tx = self.time.db.begin().await?;
        let mut book = Book::open(&mut tx, ctx, found.employee_id).await?;
        let log = book.time_log(id).await?;
        book.expect_draft(log.week).await?;
        book.delete(id).await?;
        let total = book.total(log.week).await?;
        tx.commit().await?;
        let TimeLog { employee_id, project, minutes, .. } = log;
        let event = TimeLogDeleted { time_log_id: id, employee_id, project, minutes, total };
        self.events.publish(ctx, event).await?;
        Ok(())
    }
}

impl TimeLogCreated {
    pub(super) fn of(log: &TimeLog, total: WeekTotal) -> Self {
        Self {
            time_log_id: log.id,
            employee_id: log.employee_id,
            project: log.project.clone(),
            started_at: log.span.started_at(),
            minutes: log.minutes,
            source: log.source.clone(),
            total,
        }
    }
}
