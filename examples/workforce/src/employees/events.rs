//! What happens to employees.

use cqrs_core::prelude::*;

/// An employee was added.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "employee.created", entity = "Employee", action = "created")]
pub struct EmployeeCreated {
    /// Who.
    #[event(entity_id)]
    pub employee_id: Uuid,
    /// Where they work.
    pub organization_id: Option<Uuid>,
    /// As they are called.
    pub full_name: String,
    /// Where to reach them.
    #[event(redact)]
    pub email: String,
}

/// Something about an employee changed.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "employee.updated", entity = "Employee", action = "updated")]
pub struct EmployeeUpdated {
    /// Who.
    #[event(entity_id)]
    pub employee_id: Uuid,
    /// Their user, if they have one.
    pub user_id: Option<Uuid>,
    /// As they are called now.
    pub full_name: String,
}
