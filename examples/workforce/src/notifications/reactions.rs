//! Which events are told to whom.

use cqrs_core::prelude::*;

use super::{Email, Mailer};
use crate::config::PublicUrl;
use crate::employees::EmployeeCreated;
use crate::failure::Failure;
use crate::users::{FindUser, InviteAccepted, InviteCreated, IssueInviteToken};

#[events_handler(EmployeeCreated, retry(attempts = 50, backoff = "1s", max = "10m"))]
struct SendWelcomeEmail {
    mailer: Arc<Mailer>,
}

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        if self.mailer.has_sent(ctx, "send-welcome-email").await? {
            return Ok(());
        }
        let name = &event.full_name;
        let email = Email {
            to_name: name.clone(),
            to: event.email.clone(),
            subject: format!("Welcome, {name}!"),
            text: format!("Hello {name},\n\nyou are part of {} now. Welcome!\n", ctx.tenant()),
        };
        self.mailer.send_once(ctx, "send-welcome-email", email).await
    }
}

#[events_handler(InviteCreated, retry(attempts = 50, backoff = "1s", max = "10m"))]
struct SendInvitation {
    mailer: Arc<Mailer>,
    commands: CommandBus,
    url: PublicUrl,
}

impl EventHandler<InviteCreated> for SendInvitation {
    async fn handle(&self, event: &InviteCreated, ctx: &Context) -> HandlerResult {
        if self.mailer.has_sent(ctx, "send-invitation").await? {
            return Ok(());
        }
        let command = IssueInviteToken { invite_id: event.invite_id, email: event.email.clone() };
        let token = match self.commands.execute(ctx, command).await {
            // It was accepted or is void, or for another address by now.
            Err(ExecuteError::Handler(Failure::NotFound(_))) => return Ok(()),
            token => token?,
        };
        let (name, url) = (&event.full_name, &self.url);
        let email = Email {
            to_name: name.clone(),
            to: event.email.clone(),
            subject: format!("You are invited to {}", ctx.tenant()),
            text: format!(
                "Hello {name},\n\nchoose a password here, and sign in:\n\n\
                 {url}/join?token={token}\n\nThe link works once, for seven days.\n"
            ),
        };
        self.mailer.send_once(ctx, "send-invitation", email).await
    }
}

#[events_handler(InviteAccepted, retry(attempts = 50, backoff = "1s", max = "10m"))]
struct TellInviter {
    mailer: Arc<Mailer>,
    queries: QueryBus,
}

impl EventHandler<InviteAccepted> for TellInviter {
    async fn handle(&self, event: &InviteAccepted, ctx: &Context) -> HandlerResult {
        let Some(id) = event.invited_by else {
            return Ok(());
        };
        if self.mailer.has_sent(ctx, "tell-inviter").await? {
            return Ok(());
        }
        let Some(inviter) = self.queries.execute(ctx, FindUser { id }).await? else {
            return Ok(());
        };
        let name = &event.full_name;
        let email = Email {
            subject: format!("{name} has joined {}", ctx.tenant()),
            text: format!("Hello {},\n\n{name} has accepted your invitation.\n", inviter.full_name),
            to_name: inviter.full_name,
            to: inviter.email,
        };
        self.mailer.send_once(ctx, "tell-inviter", email).await
    }
}
