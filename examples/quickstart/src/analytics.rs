//! Analytics: counts the events of other modules.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cqrs_core::TenantScope;
use cqrs_core::prelude::*;

use crate::employees::EmployeeCreated;
use crate::notifications::WelcomeEmailSent;

/// Keeps the headcount up to date: one handler, two events, each with its own type.
#[events_handler(EmployeeCreated, WelcomeEmailSent)]
pub struct CountEmployees {
    headcount: Arc<Headcount>,
}

impl EventHandler<EmployeeCreated> for CountEmployees {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        self.headcount.hired(ctx, &event.department, event.employee_id);
        Ok(())
    }
}

impl EventHandler<WelcomeEmailSent> for CountEmployees {
    async fn handle(&self, event: &WelcomeEmailSent, ctx: &Context) -> HandlerResult {
        self.headcount.welcomed(ctx, event.employee_id);
        Ok(())
    }
}

/// The number of employees of each department. The application builds it once, for every `Arc<Headcount>`.
#[derive(Injectable)]
pub struct Headcount {
    #[inject(default)]
    tenants: Mutex<HashMap<TenantScope, Tenant>>,
}

/// Sets of ids instead of numbers, so that an event that is delivered twice counts once.
#[derive(Default)]
struct Tenant {
    hired: BTreeMap<String, HashSet<Uuid>>,
    welcomed: HashSet<Uuid>,
}

/// The people of one department.
#[derive(Debug, PartialEq, Eq)]
pub struct Department {
    /// Such as `Engineering`.
    pub name: String,
    /// How many were hired.
    pub hired: usize,
    /// How many of them got their welcome e-mail.
    pub welcomed: usize,
}

impl Headcount {
    /// The departments of the context's tenant, by name.
    pub fn departments(&self, ctx: &Context) -> Vec<Department> {
        let tenants = self.tenants();
        let Some(Tenant { hired, welcomed }) = tenants.get(ctx.tenant()) else {
            return Vec::new();
        };
        let departments = hired.iter().map(|(name, ids)| Department {
            name: name.clone(),
            hired: ids.len(),
            welcomed: ids.intersection(welcomed).count(),
        });
        departments.collect()
    }

    fn hired(&self, ctx: &Context, department: &str, employee: Uuid) {
        let mut tenants = self.tenants();
        let tenant = tenants.entry(ctx.tenant().clone()).or_default();
        let department = tenant.hired.entry(department.to_owned()).or_default();
        department.insert(employee);
    }

    fn welcomed(&self, ctx: &Context, employee: Uuid) {
        let mut tenants = self.tenants();
        let tenant = tenants.entry(ctx.tenant().clone()).or_default();
        tenant.welcomed.insert(employee);
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantScope, Tenant>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
