//! What employees have to do with events of other modules.

use cqrs_core::prelude::*;

use super::repository::EmployeeRepository;
use super::{Employee, EmployeeCreated, EmployeeStatus};
use crate::db::now;
use crate::organizations::OrganizationCreated;
use crate::users::FindUser;

/// Whoever founds an organization by registering is its first employee.
#[events_handler(OrganizationCreated)]
struct EmployFounder {
    employees: Arc<EmployeeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl EventHandler<OrganizationCreated> for EmployFounder {
    async fn handle(&self, event: &OrganizationCreated, ctx: &Context) -> HandlerResult {
        let Some(id) = event.founder_id else {
            return Ok(());
        };
        let founder = self.queries.execute(ctx, FindUser { id }).await?;
        let founder = founder.ok_or_else(|| HandlerError::msg("the founder is not there"))?;
        let employee = Employee {
            id: Uuid::now_v7(),
            organization_id: Some(event.organization_id),
            user_id: Some(founder.id),
            full_name: founder.full_name,
            email: founder.email,
            title: "Founder".to_owned(),
            status: EmployeeStatus::Active,
            created_at: now(),
        };
        let Some(mut tx) = self.employees.db.once(ctx, "employ-founder").await? else {
            return Ok(());
        };
        let is_new = EmployeeRepository::insert(&mut tx, ctx, &employee).await?;
        tx.commit().await?;
        if is_new {
            self.events.publish(ctx, EmployeeCreated::from(&employee)).await?;
        }
        Ok(())
    }
}
