//! What can be done with employees.

use cqrs_core::prelude::*;

use super::repository::EmployeeRepository;
use super::{Employee, EmployeeCreated, EmployeeStatus, EmployeeUpdated};
use crate::db::now;
use crate::failure::Failure;
use crate::organizations::FindOrganization;
use crate::users::{FindUserByEmail, IsLastOwner};

/// Adds an employee, by default to the organization of who does it.
#[derive(Debug, Clone, Command)]
#[command(output = Employee, error = Failure)]
pub struct CreateEmployee {
    /// As they are called, at most 200 characters.
    pub full_name: String,
    /// Where to reach them; one employee of a tenant for each.
    pub email: String,
    /// What they do, at most 200 characters; may be empty.
    pub title: String,
    /// Where they work.
    pub organization_id: Option<Uuid>,
}

#[command_handler(CreateEmployee)]
struct CreateEmployeeHandler {
    employees: Arc<EmployeeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<CreateEmployee> for CreateEmployeeHandler {
    async fn execute(&self, command: CreateEmployee, ctx: &Context) -> Result<Employee, Failure> {
        let own = ctx.organization().and_then(|id| id.parse().ok());
        let employee = Employee {
            id: Uuid::now_v7(),
            organization_id: command.organization_id.or(own),
            user_id: None,
            full_name: command.full_name,
            email: command.email,
            title: command.title,
            status: EmployeeStatus::Invited,
            created_at: now(),
        }
        .checked()?;
        if let Some(id) = command.organization_id {
            let organization = self.queries.execute(ctx, FindOrganization { id }).await?;
            organization.ok_or_else(|| Failure::field("organization_id", "is no organization"))?;
        }
        let mut tx = self.employees.db.begin().await?;
        if !EmployeeRepository::insert(&mut tx, ctx, &employee).await? {
            return Err(taken());
        }
        tx.commit().await?;
        self.events.publish(ctx, EmployeeCreated::from(&employee)).await?;
        Ok(employee)
    }
}

/// Changes what is said of an employee; what is `None` stays.
#[derive(Debug, Clone, Default, Command)]
#[command(output = Employee, error = Failure)]
pub struct UpdateEmployee {
    /// Who.
    pub id: Uuid,
    /// As they are called.
    pub full_name: Option<String>,
    /// Where to reach them.
    pub email: Option<String>,
    /// What they do.
    pub title: Option<String>,
    /// How far they have come.
    pub status: Option<EmployeeStatus>,
}

#[command_handler(UpdateEmployee)]
struct UpdateEmployeeHandler {
    employees: Arc<EmployeeRepository>,
    queries: QueryBus,
    events: EventBus,
}

impl CommandHandler<UpdateEmployee> for UpdateEmployeeHandler {
    async fn execute(&self, command: UpdateEmployee, ctx: &Context) -> Result<Employee, Failure> {
        // Before the transaction, in which nobody else is asked.
        let before = self.employees.find(ctx, command.id).await?;
        if let Some(user_id) = before.ok_or(Failure::NotFound("employee"))?.user_id {
            self.check_user(ctx, user_id, &command).await?;
        }
        let mut tx = self.employees.db.begin().await?;
        let before = EmployeeRepository::lock(&mut tx, ctx, command.id).await?;
        let before = before.ok_or(Failure::NotFound("employee"))?;
        let old = before.clone();
        let employee = Employee {
            full_name: command.full_name.unwrap_or(old.full_name),
            email: command.email.unwrap_or(old.email),
            title: command.title.unwrap_or(old.title),
            status: command.status.unwrap_or(old.status),
            ..old
        }
        .checked()?;
        if employee == before {
            return Ok(employee);
        }
        let updated = EmployeeRepository::update(&mut tx, ctx, &employee).await;
        updated.map_err(|error| if error.is_duplicate() { taken() } else { error.into() })?;
        tx.commit().await?;
        self.events.publish(ctx, EmployeeUpdated::between(&before, &employee)?).await?;
        Ok(employee)
    }
}

impl UpdateEmployeeHandler {
    /// The employee's user follows them, and has to be able to.
    async fn check_user(
        &self,
        ctx: &Context,
        user_id: Uuid,
        command: &UpdateEmployee,
    ) -> Result<(), Failure> {
        if command.status == Some(EmployeeStatus::Inactive)
            && self.queries.execute(ctx, IsLastOwner { user_id }).await?
        {
            let detail = "the last owner stays active: nobody could change anything afterwards";
            return Err(Failure::Conflict(detail.to_owned()));
        }
        if let Some(email) = command.email.clone() {
            let user = self.queries.execute(ctx, FindUserByEmail { email }).await?;
            if user.is_some_and(|user| user.id != user_id) {
                let detail = "another user signs in with this e-mail address";
                return Err(Failure::Conflict(detail.to_owned()));
            }
        }
        Ok(())
    }
}

fn taken() -> Failure {
    Failure::Conflict("another employee has this e-mail address".to_owned())
}
