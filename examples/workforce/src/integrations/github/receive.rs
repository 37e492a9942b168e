//! Taking a delivery: believed, stored and announced; nothing else happens before GitHub is answered.

use cqrs_core::prelude::*;

use super::payload;
use super::repository::GitHubRepository;
use super::{DeliveryStatus, GitHubDelivery, GitHubWebhook};
use crate::db::now;
use crate::failure::Failure;
use crate::fields::Fields;

/// The longest guid or kind, in characters.
const MAX_HEADER: usize = 100;

/// Takes what was sent to a hook, if GitHub has signed it, once.
#[derive(Clone, Command)]
#[command(name = "receive.github-delivery", output = Received, error = Failure)]
pub struct ReceiveGitHubDelivery {
    /// Which hook.
    pub hook_id: Uuid,
    /// `X-Hub-Signature-256`.
    pub signature: Option<String>,
    /// `X-GitHub-Delivery`.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub kind: String,
    /// Whether the body is a form with the JSON in its field `payload`.
    pub is_form: bool,
    /// Exactly as it was sent.
    pub body: Vec<u8>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is stored under this identifier, and will be worked on.
    New(Uuid),
    /// It was taken before, and can be read.
    AlreadyThere,
}

#[command_handler(ReceiveGitHubDelivery)]
struct ReceiveGitHubDeliveryHandler {
    github: Arc<GitHubRepository>,
    events: EventBus,
}

impl CommandHandler<ReceiveGitHubDelivery> for ReceiveGitHubDeliveryHandler {
    async fn execute(
        &self,
        command: ReceiveGitHubDelivery,
        ctx: &Context,
    ) -> Result<Received, Failure> {
        let found = self.github.hook(ctx, command.hook_id).await?;
        let found = found.ok_or(Failure::NotFound("hook"))?;
        let believed = found.secret.verify(command.signature.as_deref(), &command.body);
        believed.map_err(|error| Failure::Unauthorized(error.to_string()))?;

        let mut fields = Fields::default();
        let guid = fields.line("X-GitHub-Delivery", &command.guid, MAX_HEADER);
        let kind = fields.line("X-GitHub-Event", &command.kind, MAX_HEADER);
        fields.finish()?;
        let json = payload::json(command.is_form, command.body);
        let json = json.map_err(|error| Failure::field("body", error.to_string()))?;

        let mut delivery = GitHubDelivery {
            id: Uuid::now_v7(),
            hook_id: found.hook.id,
            guid,
            kind,
            size: i64::try_from(json.len()).unwrap_or(i64::MAX),
            status: DeliveryStatus::Received,
            summary: None,
            repository: None,
            url: None,
            sender: None,
            received_at: now(),
        };
        let Some(id) = self.github.insert_delivery(ctx, &delivery, json).await? else {
            return Ok(Received::AlreadyThere);
        };
        delivery.id = id;
        let ctx = match &found.hook.organization_id {
            Some(id) => ctx.clone().with_organization(id),
            None => ctx.clone(),
        };
        self.events.publish(&ctx, GitHubWebhook::of(&delivery, found.hook.name)).await?;
        Ok(Received::New(delivery.id))
    }
}

impl GitHubWebhook {
    pub(super) fn of(delivery: &GitHubDelivery, hook_name: String) -> Self {
        Self {
            delivery_id: delivery.id,
            hook_id: delivery.hook_id,
            hook_name,
            kind: delivery.kind.clone(),
            size: delivery.size.unsigned_abs(),
        }
    }
}
