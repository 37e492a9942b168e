//! What can be done with suggested time logs.

use cqrs_core::ExecuteError;
use cqrs_core::prelude::*;

use super::repository::GitHubRepository;
use super::{SuggestionStatus, TimeLogSuggestion};
use crate::access::Role;
use crate::failure::Failure;
use crate::time_tracking::{
    DeleteTimeLog, ImportTimeLogs, ImportedTimeLog, NewTimeLog, employee_to_change,
};

/// Makes a time log of a suggestion; once, however often it is said.
///
/// The suggestion is reserved for its time log before there is one, so that it is not dismissed meanwhile.
/// Whoever dies in between leaves it reserved, and to be accepted again.
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
    queries: QueryBus,
}

impl CommandHandler<AcceptTimeLogSuggestion> for AcceptTimeLogSuggestionHandler {
    async fn execute(
        &self,
        command: AcceptTimeLogSuggestion,
        ctx: &Context,
    ) -> Result<TimeLogSuggestion, Failure> {
        let suggestion = self.github.suggestion(ctx, command.id).await?;
        let suggestion = suggestion.ok_or(Failure::NotFound("suggestion"))?;
        employee_to_change(&self.queries, ctx, suggestion.employee_id).await?;
        let suggestion = self.github.reserve(ctx, command.id, Uuid::now_v7()).await?;
        let suggestion = suggestion.ok_or(Failure::NotFound("suggestion"))?;
        let log_id = match (suggestion.status, suggestion.time_log_id) {
            (SuggestionStatus::Accepted, _) => return Ok(suggestion),
            (SuggestionStatus::Open, Some(id)) => id,
            (SuggestionStatus::Open | SuggestionStatus::Dismissed, _) => {
                return Err(Failure::Conflict("the suggestion was dismissed".to_owned()));
            }
        };
        let log = NewTimeLog {
            id: log_id,
            external_id: suggestion.id.to_string(),
            employee_id: suggestion.employee_id,
            project: suggestion.project.clone(),
            note: suggestion.note.clone(),
            started_at: suggestion.started_at,
            minutes: suggestion.minutes,
        };
        let import = ImportTimeLogs { source: "github", logs: vec![log] };
        let reason = match self.commands.execute(ctx, import).await?.pop() {
            Some(ImportedTimeLog::Created(id) | ImportedTimeLog::AlreadyThere(id))
                if id == log_id =>
            {
                if self.github.accept(ctx, log_id).await? {
                    let status = SuggestionStatus::Accepted;
                    return Ok(TimeLogSuggestion { status, ..suggestion });
                }
                // Another attempt was refused and gave the suggestion free.
                match self.commands.execute(ctx, DeleteTimeLog { id: log_id }).await {
                    Ok(()) | Err(ExecuteError::Handler(Failure::NotFound(_))) => {}
                    Err(error) => return Err(error.into()),
                }
                "the suggestion was given free meanwhile; accept it again".to_owned()
            }
            Some(ImportedTimeLog::Refused(reason)) => reason,
            _ => "the suggestion is being accepted; try again".to_owned(),
        };
        self.github.free(ctx, log_id).await?;
        Err(Failure::Conflict(reason))
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
        // An owner also clears away what is left of somebody who has left.
        if Role::of(ctx) != Role::Owner {
            employee_to_change(&self.queries, ctx, suggestion.employee_id).await?;
        }
        if !self.github.dismiss(ctx, command.id).await? {
            return Err(Failure::Conflict(
                "the suggestion is no longer open, or being accepted".to_owned(),
            ));
        }
        Ok(())
    }
}
