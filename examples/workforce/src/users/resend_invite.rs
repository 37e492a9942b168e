//! Sending an invitation again.

use cqrs_core::prelude::*;

use super::invite::LIFETIME;
use super::repository::UserRepository;
use super::{Invite, InviteCreated};
use crate::db::now;
use crate::employees::{EmployeeStatus, FindEmployee};
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
        if let Some(id) = invite.employee_id {
            let employee = self.queries.execute(ctx, FindEmployee { id }).await?;
            if employee.is_some_and(|it| it.status == EmployeeStatus::Inactive) {
                let detail = "this employee is inactive; change that before they are invited";
                return Err(Failure::Conflict(detail.to_owned()));
            }
        }
        let invite = Invite { expires_at: now() + LIFETIME, ..invite };
        let mut tx = self.users.db.begin().await?;
        if !invite.update_open(&mut tx, ctx).await? {
            return Err(Failure::Conflict("this invite was accepted".to_owned()));
        }
        tx.commit().await?;
        self.events.publish(ctx, InviteCreated::from(&invite)).await?;
        Ok(invite)
    }
}
