//! Whose time somebody may change.

use cqrs_core::prelude::*;

use crate::access::Role;
use crate::employees::{Employee, EmployeeStatus, FindEmployee};
use crate::failure::Failure;

/// The employee whose time is to be changed: anybody for an owner, else who acts themself.
pub(crate) async fn employee_to_change(
    queries: &QueryBus,
    ctx: &Context,
    id: Uuid,
) -> Result<Employee, Failure> {
    let employee = queries.execute(ctx, FindEmployee { id }).await?;
    let employee = employee.ok_or_else(|| Failure::field("employee_id", "is no employee"))?;
    let is_own = employee
        .user_id
        .is_some_and(|user| ctx.actor().is_some_and(|actor| actor.id() == user.to_string()));
    if !is_own && Role::of(ctx) != Role::Owner {
        return Err(Failure::Forbidden("only an owner may change the time of others".to_owned()));
    }
    if employee.status == EmployeeStatus::Inactive {
        return Err(Failure::Conflict("this employee has left".to_owned()));
    }
    Ok(employee)
}
