//! Where employees are kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cqrs_core::TenantScope;
use cqrs_core::prelude::*;

use super::Employee;

/// Keeps the employees of each tenant.
pub trait EmployeeRepository: Send + Sync {
    /// Adds an employee to the context's tenant.
    ///
    /// # Errors
    ///
    /// [`EmailTaken`] if another employee of the tenant has the e-mail address.
    fn add(&self, ctx: &Context, employee: &Employee) -> Result<(), EmailTaken>;

    /// All employees of the context's tenant, in any order.
    fn all(&self, ctx: &Context) -> Vec<Employee>;
}

/// Another employee of the tenant has the e-mail address.
#[derive(Debug, thiserror::Error)]
#[error("another employee has this e-mail address")]
pub struct EmailTaken;

/// Employees in memory. This service is injected into every field of type `Arc<dyn EmployeeRepository>`.
#[derive(Injectable)]
#[injectable(as = dyn EmployeeRepository)]
pub struct InMemoryEmployees {
    #[inject(default)]
    tenants: Mutex<HashMap<TenantScope, EmployeesByEmail>>,
}

type EmployeesByEmail = BTreeMap<String, Employee>;

impl EmployeeRepository for InMemoryEmployees {
    fn add(&self, ctx: &Context, employee: &Employee) -> Result<(), EmailTaken> {
        let mut tenants = self.tenants();
        let employees = tenants.entry(ctx.tenant().clone()).or_default();
        let email = employee.email.to_lowercase();
        if employees.contains_key(&email) {
            return Err(EmailTaken);
        }
        employees.insert(email, employee.clone());
        Ok(())
    }

    fn all(&self, ctx: &Context) -> Vec<Employee> {
        let tenants = self.tenants();
        let employees = tenants.get(ctx.tenant()).into_iter();
        employees.flat_map(BTreeMap::values).cloned().collect()
    }
}

impl InMemoryEmployees {
    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantScope, EmployeesByEmail>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
