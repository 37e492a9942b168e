//! What was stored and not read when the process ended.

use cqrs_core::prelude::*;

use super::GitHubWebhook;
use super::repository::GitHubRepository;
use crate::failure::Failure;

/// Announces again, for every tenant, what nobody has read; to be executed when the product starts. Gives
/// how many deliveries that were.
#[derive(Debug, Clone, Copy, Command)]
#[command(name = "resume.github", output = u64, error = Failure)]
pub struct ResumeGitHub;

#[command_handler(ResumeGitHub, timeout = none)]
struct ResumeGitHubHandler {
    github: Arc<GitHubRepository>,
    events: EventBus,
}

impl CommandHandler<ResumeGitHub> for ResumeGitHubHandler {
    async fn execute(&self, _: ResumeGitHub, _: &Context) -> Result<u64, Failure> {
        let mut count = 0;
        for tenant in self.github.tenants_with_unread().await? {
            let ctx = Context::for_tenant(&tenant);
            let ctx = ctx.map_err(|error| Failure::Internal(error.to_string()))?;
            let ctx = ctx.with_actor(Actor::service("github").named("GitHub"));
            let mut after = Uuid::nil();
            loop {
                let unread = self.github.unread(&ctx, after).await?;
                let Some((last, ..)) = unread.last() else { break };
                after = last.id;
                for (delivery, hook_name, organization) in unread {
                    let ctx = match organization {
                        Some(id) => ctx.clone().with_organization(id),
                        None => ctx.clone(),
                    };
                    self.events.publish(&ctx, GitHubWebhook::of(&delivery, hook_name)).await?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }
}
