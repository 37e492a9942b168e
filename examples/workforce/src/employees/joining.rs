//! Employees become users, and users employees.

use cqrs_core::prelude::*;

use super::repository::EmployeeRepository;
use super::{Employee, EmployeeCreated, EmployeeStatus, EmployeeUpdated};
use crate::users::{FindUser, FindUserByEmail, InviteAccepted};

/// Whoever accepts an invite is the employee for whom it was, or who has their address: an active one from
/// now on, unless they have left.
#[events_handler(InviteAccepted)]
struct ActivateEmployee {
    joining: Arc<Joining>,
    queries: QueryBus,
}

impl EventHandler<InviteAccepted> for ActivateEmployee {
    async fn handle(&self, event: &InviteAccepted, ctx: &Context) -> HandlerResult {
        let mut id = event.employee_id;
        if id.is_none()
            && let Some(user) = self.queries.execute(ctx, FindUser { id: event.user_id }).await?
        {
            let employee = self.joining.employees.find_by_email(ctx, &user.email).await?;
            id = employee.map(|employee| employee.id);
        }
        match id {
            Some(id) => self.joining.join(ctx, id, event.user_id).await,
            None => Ok(()),
        }
    }
}

/// An employee may have been a user before, invited as somebody else.
#[events_handler(EmployeeCreated, EmployeeUpdated)]
struct LinkUser {
    joining: Arc<Joining>,
    queries: QueryBus,
}

impl EventHandler<EmployeeCreated> for LinkUser {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        self.link(ctx, event.employee_id).await
    }
}

impl EventHandler<EmployeeUpdated> for LinkUser {
    async fn handle(&self, event: &EmployeeUpdated, ctx: &Context) -> HandlerResult {
        self.link(ctx, event.employee_id).await
    }
}

impl LinkUser {
    async fn link(&self, ctx: &Context, id: Uuid) -> HandlerResult {
        let employee = self.joining.employees.find(ctx, id).await?;
        let may_be_linked =
            |it: &Employee| it.user_id.is_none() && it.status != EmployeeStatus::Inactive;
        let Some(employee) = employee.filter(may_be_linked) else {
            return Ok(());
        };
        let email = employee.email;
        match self.queries.execute(ctx, FindUserByEmail { email }).await? {
            Some(user) => self.joining.join(ctx, id, user.id).await,
            None => Ok(()),
        }
    }
}

#[derive(Injectable)]
struct Joining {
    employees: Arc<EmployeeRepository>,
    events: EventBus,
}

impl Joining {
    /// Makes a user of an employee, unless one of them is somebody else's.
    async fn join(&self, ctx: &Context, employee_id: Uuid, user_id: Uuid) -> HandlerResult {
        let mut tx = self.employees.db.begin().await?;
        let before = EmployeeRepository::lock(&mut tx, ctx, employee_id).await?;
        let Some(before) = before.filter(|it| it.user_id.is_none()) else {
            return Ok(());
        };
        if EmployeeRepository::is_employed(&mut tx, ctx, user_id).await? {
            return Ok(());
        }
        let status = match before.status {
            EmployeeStatus::Inactive => EmployeeStatus::Inactive,
            _ => EmployeeStatus::Active,
        };
        let employee = Employee { user_id: Some(user_id), status, ..before.clone() };
        EmployeeRepository::update(&mut tx, ctx, &employee).await?;
        tx.commit().await?;
        self.events.publish(ctx, EmployeeUpdated::between(&before, &employee)?).await?;
        Ok(())
    }
}
