//! Sending an invitation again.

use cqrs_core::prelude::*;

use super::invite::LIFETIME;
use super::repository::UserRepository;
use super::{Invite, InviteCreated};
use crate::db::now;
use crate::failure::Failure;

/// Has an invitation sent again, also one that has expired: with a new token, for as long as a new one.
/// The token before is void.
#[derive(Debug, Clone, Command)]
#[command(output = Invite, error = Failure)]
pub struct ResendInvite {
    /// Which invite.
    pub id: Uuid,
}

#[command_handler(ResendInvite)]
struct ResendInviteHandler {
    users: Arc<UserRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<ResendInvite> for ResendInviteHandler {
    async fn execute(&self, command: ResendInvite, ctx: &Context) -> Result<Invite, Failure> {
        let invite = self.users.find_invite(ctx, command.id).await?;
        let invite = invite.ok_or(Failure::NotFound("invite"))?;
        let refused = |detail: &str| Err(Failure::Conflict(detail.to_owned()));
        if invite.accepted_at.is_some() {
            return refused("this invite was accepted");
        }
        if !invite.is_still_meant(ctx, &self.queries).await? {
            return refused("its employee is inactive, or has just got another e-mail address");
        }
        // Whatever has changed since it was read: what was found out may not hold for it.
        let until = now() + LIFETIME;
        if !invite.renew(&self.users.db, ctx, until).await? {
            return refused("this invite is being changed or accepted; look at it, and try again");
        }
        let invite = Invite { expires_at: until, ..invite };
        self.events.publish(ctx, InviteCreated::from(&invite)).await?;
        Ok(invite)
    }
}
