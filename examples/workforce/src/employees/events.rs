//! What happens to employees.

use cqrs_core::Changes;
use cqrs_core::prelude::*;

use super::Employee;
use crate::failure::Failure;

/// An employee was added.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "employee.created", entity = "Employee", action = "created")]
#[event(describe = "added the employee {full_name}")]
pub struct EmployeeCreated {
    /// Who.
    #[event(entity_id)]
    pub employee_id: Uuid,
    /// Where they work.
    pub organization_id: Option<Uuid>,
    /// As they are called.
    #[event(entity_name)]
    pub full_name: String,
    /// Where to reach them.
    #[event(redact = hash)]
    pub email: String,
}

/// Something about an employee changed.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "employee.updated", entity = "Employee", action = "updated")]
#[event(describe = "changed the employee {full_name}")]
pub struct EmployeeUpdated {
    /// Who.
    #[event(entity_id)]
    pub employee_id: Uuid,
    /// Their user, if they have one.
    pub user_id: Option<Uuid>,
    /// As they are called now.
    #[event(entity_name)]
    pub full_name: String,
    /// Where to reach them now; redacted in the changes as well.
    #[event(redact = hash)]
    pub email: String,
    /// What changed.
    #[event(changes)]
    pub changes: Changes,
}

impl From<&Employee> for EmployeeCreated {
    fn from(employee: &Employee) -> Self {
        Self {
            employee_id: employee.id,
            organization_id: employee.organization_id,
            full_name: employee.full_name.clone(),
            email: employee.email.clone(),
        }
    }
}

impl EmployeeUpdated {
    pub(super) fn between(before: &Employee, after: &Employee) -> Result<Self, Failure> {
        let changes = Changes::between(before, after);
        let changes = changes.map_err(|error| Failure::Internal(error.to_string()))?;
        let Employee { id, user_id, full_name, email, .. } = after.clone();
        Ok(Self { employee_id: id, user_id, full_name, email, changes })
    }
}
