//! Users and invites follow their employees.

use cqrs_core::prelude::*;

use super::invite::LIFETIME;
use super::repository::UserRepository;
use super::{Invite, InviteCreated};
use crate::db::{DbError, now};
use crate::employees::{Employee, EmployeeStatus, EmployeeUpdated, FindEmployee};

/// A user is called what their employee is called, signs in with the same address, and not at all once
/// the employee has left. An invite that is still open goes along to another address, and is void once
/// the employee has left.
#[events_handler(EmployeeUpdated)]
struct FollowEmployee {
    users: Arc<UserRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl EventHandler<EmployeeUpdated> for FollowEmployee {
    async fn handle(&self, event: &EmployeeUpdated, ctx: &Context) -> HandlerResult {
        // What is so now, since changes that came at once may be told in another order.
        let id = event.employee_id;
        let Some(employee) = self.queries.execute(ctx, FindEmployee { id }).await? else {
            return Ok(());
        };
        if let Some(id) = employee.user_id {
            self.users.follow(ctx, id, &employee).await?;
        }
        if let Some(invite) = self.invite_follows(ctx, &employee).await? {
            self.events.publish(ctx, InviteCreated::from(&invite)).await?;
        }
        Ok(())
    }
}

impl FollowEmployee {
    /// The invite, if it has to be sent to another address.
    async fn invite_follows(
        &self,
        ctx: &Context,
        employee: &Employee,
    ) -> Result<Option<Invite>, DbError> {
        let mut tx = self.users.db.begin().await?;
        let Some(before) = Invite::lock_of_employee(&mut tx, ctx, employee.id).await? else {
            return Ok(None);
        };
        let has_left = employee.status == EmployeeStatus::Inactive;
        let has_moved = before.email != employee.email;
        let (email, user_id) = (employee.email.as_str(), employee.user_id);
        if has_moved && UserRepository::is_invited(&mut tx, ctx, email, user_id).await? {
            // Whoever has the new address was invited already, and is this employee.
            before.delete(&mut tx, ctx).await?;
            Invite::adopt(&mut tx, ctx, email, employee.id, employee.organization_id).await?;
            tx.commit().await?;
            return Ok(None);
        }
        let expires_at = match (has_left, has_moved) {
            (true, _) => before.expires_at.min(now()),
            (false, true) => now() + LIFETIME,
            (false, false) => before.expires_at,
        };
        let invite = Invite {
            full_name: employee.full_name.clone(),
            email: employee.email.clone(),
            expires_at,
            ..before
        };
        let is_open = invite.update_open(&mut tx, ctx).await?;
        if !is_open {
            invite.update_address(&mut tx, ctx).await?;
        }
        tx.commit().await?;
        Ok(Some(invite).filter(|_| is_open && has_moved && !has_left))
    }
}
