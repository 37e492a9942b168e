//! What users have to do with events of other modules.

use cqrs_core::prelude::*;

use super::repository::UserRepository;
use super::{Invite, InviteCreated};
use crate::employees::EmployeeCreated;
use crate::organizations::OrganizationCreated;

/// A new employee is invited to become a user, unless they were invited before or are one.
#[events_handler(EmployeeCreated)]
struct InviteEmployee {
    users: Arc<UserRepository>,
    events: EventBus,
}

impl EventHandler<EmployeeCreated> for InviteEmployee {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        let Some(mut tx) = self.users.db.once(ctx, "invite-employee").await? else {
            return Ok(());
        };
        let invite = Invite {
            employee_id: Some(event.employee_id),
            organization_id: event.organization_id,
            ..Invite::new(ctx, event.full_name.clone(), event.email.clone())
        };
        let is_new = invite.insert(&mut tx, ctx).await?;
        let (email, organization_id) = (&event.email, event.organization_id);
        if !is_new
            && !Invite::adopt(&mut tx, ctx, email, event.employee_id, organization_id).await?
        {
            drop(tx);
            return match self.users.find_by_email(ctx, email).await? {
                Some(_) => Ok(()),
                // Of an employee who has another address by now: the invite is about to follow them.
                None => Err(HandlerError::msg("another invite is for this address")),
            };
        }
        tx.commit().await?;
        if is_new {
            self.events.publish(ctx, InviteCreated::from(&invite)).await?;
        }
        Ok(())
    }
}

/// Whoever founded an organization works there.
#[events_handler(OrganizationCreated)]
struct JoinOrganization {
    users: Arc<UserRepository>,
}

impl EventHandler<OrganizationCreated> for JoinOrganization {
    async fn handle(&self, event: &OrganizationCreated, ctx: &Context) -> HandlerResult {
        if let Some(id) = event.founder_id {
            self.users.join_organization(ctx, id, event.organization_id).await?;
        }
        Ok(())
    }
}
