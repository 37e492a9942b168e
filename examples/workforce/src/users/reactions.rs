//! What users have to do with events of other modules.

use cqrs_core::prelude::*;

use super::repository::UserRepository;
use super::{Invite, InviteCreated};
use crate::employees::{EmployeeCreated, EmployeeUpdated};
use crate::organizations::OrganizationCreated;

/// A new employee is invited to become a user, unless they are one.
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
        tx.commit().await?;
        if is_new {
            self.events.publish(ctx, InviteCreated::from(&invite)).await?;
        }
        Ok(())
    }
}

/// A user is called what their employee is called.
#[events_handler(EmployeeUpdated)]
struct RenameUser {
    users: Arc<UserRepository>,
}

impl EventHandler<EmployeeUpdated> for RenameUser {
    async fn handle(&self, event: &EmployeeUpdated, ctx: &Context) -> HandlerResult {
        if let Some(id) = event.user_id {
            self.users.rename(ctx, id, &event.full_name).await?;
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
