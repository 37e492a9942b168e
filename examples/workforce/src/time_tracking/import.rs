//! Time logs that another program recorded.

use std::collections::BTreeMap;

use cqrs_core::prelude::*;
use jiff::Timestamp;

use super::access::employee_to_change;
use super::book::Book;
use super::repository::TimeRepository;
use super::{Span, TimeLog, TimeLogCreated, WeekTotal};
use crate::failure::Failure;
use crate::fields::Fields;

/// Records time logs of another program: all in one transaction, each on its own merits. One that is wrong,
/// or of somebody whose time may not be changed, is refused; one that was recorded before is left alone.
#[derive(Debug, Clone, Command)]
#[command(output = Vec<ImportedTimeLog>, error = Failure)]
pub struct ImportTimeLogs {
    /// The program: `github` or `upwork`.
    pub source: &'static str,
    /// At most 500.
    pub logs: Vec<NewTimeLog>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct NewTimeLog {
    /// What it will be called here, if it is not there already.
    pub id: Uuid,
    /// What the program calls it; it is recorded once.
    pub external_id: String,
    /// Who worked.
    pub employee_id: Uuid,
    /// On what.
    pub project: String,
    /// Anything else; may be empty.
    pub note: String,
    /// When the work began.
    pub started_at: Timestamp,
    /// How long it took.
    pub minutes: i64,
}

/// What became of one of them; in the order of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportedTimeLog {
    /// It was recorded.
    Created(Uuid),
    /// It was recorded before, as this time log.
    AlreadyThere(Uuid),
    /// It was not recorded, and why.
    Refused(String),
}

const MAX_LOGS: usize = 500;

#[command_handler(ImportTimeLogs, timeout = "60s")]
struct ImportTimeLogsHandler {
    time: Arc<TimeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<ImportTimeLogs> for ImportTimeLogsHandler {
    async fn execute(
        &self,
        command: ImportTimeLogs,
        ctx: &Context,
    ) -> Result<Vec<ImportedTimeLog>, Failure> {
        if command.logs.len() > MAX_LOGS {
            return Err(Failure::field("logs", format!("are more than {MAX_LOGS}")));
        }
        let refused = self.refused(ctx, &command.logs).await?;
        let (mut outcomes, mut events) = (Vec::with_capacity(command.logs.len()), Vec::new());
        let mut tx = self.time.db.begin().await?;
        // In one order, so that two imports at once wait for each other instead of for ever.
        for (employee, _) in refused.iter().filter(|(_, reason)| reason.is_none()) {
            Book::open(&mut tx, ctx, *employee).await?;
        }
        for new in command.logs {
            if let Some(Some(reason)) = refused.get(&new.employee_id) {
                outcomes.push(ImportedTimeLog::Refused(reason.clone()));
                continue;
            }
            let mut book = Book::open(&mut tx, ctx, new.employee_id).await?;
            let outcome = match record(&mut book, command.source, &new).await {
                Ok(Recorded::New(log, total)) => {
                    events.push(TimeLogCreated::of(&log, total));
                    ImportedTimeLog::Created(log.id)
                }
                Ok(Recorded::Before(id)) => ImportedTimeLog::AlreadyThere(id),
                Err(refused @ (Failure::Invalid(_) | Failure::Conflict(_))) => {
                    ImportedTimeLog::Refused(refused.to_string())
                }
                Err(failure) => return Err(failure),
            };
            outcomes.push(outcome);
        }
        tx.commit().await?;
        for event in events {
            self.events.publish(ctx, event).await?;
        }
        Ok(outcomes)
    }
}

impl ImportTimeLogsHandler {
    /// Everybody whose time it is, and why it may not be changed.
    async fn refused(
        &self,
        ctx: &Context,
        logs: &[NewTimeLog],
    ) -> Result<BTreeMap<Uuid, Option<String>>, Failure> {
        let mut refused: BTreeMap<_, _> = logs.iter().map(|log| (log.employee_id, None)).collect();
        for (id, reason) in &mut refused {
            match employee_to_change(&self.queries, ctx, *id).await {
                Ok(_) => {}
                Err(
                    failure @ (Failure::Invalid(_) | Failure::Forbidden(_) | Failure::Conflict(_)),
                ) => *reason = Some(failure.to_string()),
                Err(failure) => return Err(failure),
            }
        }
        Ok(refused)
    }
}

enum Recorded {
    New(TimeLog, WeekTotal),
    Before(Uuid),
}

async fn record(
    book: &mut Book<'_>,
    source: &'static str,
    new: &NewTimeLog,
) -> Result<Recorded, Failure> {
    if let Some(id) = book.imported(source, &new.external_id).await? {
        return Ok(Recorded::Before(id));
    }
    let mut fields = Fields::default();
    let span = Span::checked(&mut fields, new.started_at, None, Some(new.minutes));
    let log = TimeLog::new(&mut fields, new.employee_id, &new.project, &new.note, span);
    fields.finish()?;
    let log = log.ok_or(Failure::field("minutes", "is missing"))?;
    let log = TimeLog { id: new.id, source: source.to_owned(), ..log };
    book.expect_draft(log.week).await?;
    book.expect_free(log.span, log.id).await?;
    if !book.insert(&log, Some(&new.external_id)).await? {
        // Somebody else's time, by the same name; to the source it is one and the same.
        let id = book.imported(source, &new.external_id).await?;
        return Ok(Recorded::Before(id.unwrap_or(log.id)));
    }
    let total = book.total(log.week).await?;
    Ok(Recorded::New(log, total))
}
