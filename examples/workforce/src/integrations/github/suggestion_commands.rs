//! What can be done with suggested time logs.

use cqrs_core::prelude::*;

use super::repository::GitHubRepository;
use super::{SuggestionStatus, TimeLogSuggestion};
use crate::failure::Failure;
use crate::time_tracking::{ImportTimeLogs, ImportedTimeLog, NewTimeLog, employee_to_change};

/// Makes a time log of a suggestion; once, however often it is said.
#[derive(Debug, Clone, Command)]
#[command(output = TimeLogSuggestion, error = Failure)]
pub struct AcceptTimeLogSuggestion {
    /// Which.
    pub id: Uuid,
}

#[command_handler(AcceptTimeLogSuggestion)]
struct AcceptTimeLogSuggestionHandler {
    github: Arc<GitHubRepository>,
    commands: CommandBus,
}

impl CommandHandler<AcceptTimeLogSuggestion> for AcceptTimeLogSuggestionHandler {
    async fn execute(
        &self,
        command: AcceptTimeLogSuggestion,
        ctx: &Context,
    ) -> Result<TimeLogSuggestion, Failure> {
        let suggestion = self.github.suggestion(ctx, command.id).await?;
        let suggestion = suggestion.ok_or(Failure::NotFound("suggestion"))?;
        match suggestion.status {
            SuggestionStatus::Open => {}
            SuggestionStatus::Accepted => return Ok(suggestion),
            SuggestionStatus::Dismissed => {
                return Err(Failure::Conflict("the suggestion was dismissed".to_owned()));
            }
        }
        let log = NewTimeLog {
            external_id: suggestion.id.to_string(),
            employee_id: suggestion.employee_id,
            project: suggestion.project,
            note: suggestion.note,
            started_at: suggestion.started_at,
            minutes: suggestion.minutes,
        };
        let import = ImportTimeLogs { source: "github", logs: vec![log] };
        match self.commands.execute(ctx, import).await?.pop() {
            Some(ImportedTimeLog::Created(id) | ImportedTimeLog::AlreadyThere(id)) => {
                self.github.settle(ctx, command.id, SuggestionStatus::Accepted, Some(id)).await?;
            }
            Some(ImportedTimeLog::Refused(reason)) => return Err(Failure::Conflict(reason)),
            None => return Err(Failure::Internal("an import without an outcome".to_owned())),
        }
        let accepted = self.github.suggestion(ctx, command.id).await?;
        accepted.ok_or(Failure::NotFound("suggestion"))
    }
}

/// Makes nothing of a suggestion.
#[derive(Debug, Clone, Command)]
#[command(output = (), error = Failure)]
pub struct DismissTimeLogSuggestion {
    /// Which.
    pub id: Uuid,
}

#[command_handler(DismissTimeLogSuggestion)]
struct DismissTimeLogSuggestionHandler {
    github: Arc<GitHubRepository>,
    queries: QueryBus,
}

impl CommandHandler<DismissTimeLogSuggestion> for DismissTimeLogSuggestionHandler {
    async fn execute(
        &self,
        command: DismissTimeLogSuggestion,
        ctx: &Context,
    ) -> Result<(), Failure> {
        let suggestion = self.github.suggestion(ctx, command.id).await?;
        let suggestion = suggestion.ok_or(Failure::NotFound("suggestion"))?;
        employee_to_change(&self.queries, ctx, suggestion.employee_id).await?;
        if !self.github.settle(ctx, command.id, SuggestionStatus::Dismissed, None).await? {
            return Err(Failure::Conflict("the suggestion is no longer open".to_owned()));
        }
        Ok(())
    }
}
