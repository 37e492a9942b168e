//! What is done with what GitHub told, and with events of other modules.

use cqrs_core::prelude::*;

use super::payload::{Reading, Work};
use super::repository::GitHubRepository;
use super::{GitHubWebhook, TimeLogSuggestion};
use crate::db::now;
use crate::employees::FindEmployeeByEmail;
use crate::failure::Failure;
use crate::integrations::IntegrationSync;
use crate::time_tracking::TimeLogDeleted;

/// How often it is tried to read a delivery.
const ATTEMPTS: u32 = 5;

/// Reads a stored delivery: notes what it says, and suggests time logs for what was pushed. One that the
/// database refuses each time is given up, so that it does not come back at every start.
#[events_handler(GitHubWebhook, retry(attempts = 5))]
struct ReadDelivery {
    github: Arc<GitHubRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl EventHandler<GitHubWebhook> for ReadDelivery {
    async fn handle(&self, event: &GitHubWebhook, ctx: &Context) -> HandlerResult {
        match self.read(event, ctx).await {
            Err(Failure::Database(error)) if error.is_refusal() && ctx.attempt() >= ATTEMPTS => {
                self.github.give_up(ctx, event.delivery_id).await?;
                Err(error.into())
            }
            read => Ok(read?),
        }
    }
}

impl ReadDelivery {
    async fn read(&self, event: &GitHubWebhook, ctx: &Context) -> Result<(), Failure> {
        let (delivery_id, hook_id) = (event.delivery_id, event.hook_id);
        let Some(json) = self.github.unread_body(ctx, delivery_id).await? else {
            return Ok(());
        };
        let reading = Reading::of(&event.kind, &json);
        let suggestions = self.suggestions(ctx, delivery_id, &reading).await?;
        let mut tx = self.github.db.begin().await?;
        // Not the inbox: after a restart, the same delivery comes as another event.
        if !GitHubRepository::note(&mut tx, ctx, delivery_id, hook_id, &reading).await? {
            return Ok(());
        }
        for suggestion in &suggestions {
            GitHubRepository::suggest(&mut tx, ctx, suggestion).await?;
        }
        tx.commit().await?;
        let event = IntegrationSync {
            integration_id: hook_id.to_string(),
            name: format!("GitHub ({})", event.hook_name),
            taken: 1,
            failed: 0,
            synced_at: now(),
        };
        self.events.publish(ctx, event).await?;
        Ok(())
    }

    async fn suggestions(
        &self,
        ctx: &Context,
        delivery_id: Uuid,
        reading: &Reading,
    ) -> Result<Vec<TimeLogSuggestion>, Failure> {
        let Some(project) = &reading.repository else {
            return Ok(Vec::new());
        };
        let mut suggestions = Vec::new();
        for work in &reading.work {
            let Work { email, .. } = work;
            let employee =
                self.queries.execute(ctx, FindEmployeeByEmail { email: email.clone() }).await?;
            let suggest = |it| TimeLogSuggestion::of(delivery_id, it, project, work);
            suggestions.extend(employee.map(|employee| suggest(employee.id)));
        }
        Ok(suggestions)
    }
}

/// A suggestion whose time log was removed can be accepted again.
#[events_handler(TimeLogDeleted)]
struct ReopenSuggestion {
    github: Arc<GitHubRepository>,
}

impl EventHandler<TimeLogDeleted> for ReopenSuggestion {
    async fn handle(&self, event: &TimeLogDeleted, ctx: &Context) -> HandlerResult {
        Ok(self.github.reopen(ctx, event.time_log_id).await?)
    }
}
