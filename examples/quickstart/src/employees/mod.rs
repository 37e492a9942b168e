//! Employees: a command, a query, and an event for other modules.

mod employee;
mod repository;

use cqrs_core::prelude::*;

pub use self::employee::{CreateEmployeeError, Employee};
pub use self::repository::{EmailTaken, EmployeeRepository, InMemoryEmployees};

/// An employee was created. This module does not know who reacts to it.
#[derive(Serialize, Deserialize, Event)]
#[event(name = "employee.created", entity = "Employee", action = "created")]
pub struct EmployeeCreated {
    /// Events about one employee reach each handler in order, one at a time.
    #[event(entity_id)]
    pub employee_id: Uuid,
    /// First and last name.
    pub full_name: String,
    /// Handlers see it; logs show `[redacted]`.
    #[event(redact)]
    pub email: String,
    /// Such as `Engineering`.
    pub department: String,
}

/// Creates an employee and returns the new id. Each row of the CSV file becomes one of these.
#[derive(Deserialize, Command)]
#[command(output = Uuid, error = CreateEmployeeError)]
pub struct CreateEmployee {
    /// First and last name.
    pub full_name: String,
    /// Unique within the tenant.
    pub email: String,
    /// Such as `Engineering`.
    pub department: String,
}

#[command_handler(CreateEmployee)]
struct CreateEmployeeHandler {
    employees: Arc<dyn EmployeeRepository>,
    events: EventBus,
}

impl CommandHandler<CreateEmployee> for CreateEmployeeHandler {
    async fn execute(
        &self,
        command: CreateEmployee,
        ctx: &Context,
    ) -> Result<Uuid, CreateEmployeeError> {
        let employee = Employee::new(command)?;
        self.employees.add(ctx, &employee)?;
        let created = EmployeeCreated::from(&employee);
        self.events.publish(ctx, created).await?;
        Ok(employee.id)
    }
}

/// Asks for all employees of the tenant, by name.
#[derive(Query)]
#[query(output = Vec<Employee>)]
pub struct ListEmployees;

#[query_handler(ListEmployees)]
struct ListEmployeesHandler {
    employees: Arc<dyn EmployeeRepository>,
}

impl QueryHandler<ListEmployees> for ListEmployeesHandler {
    async fn execute(
        &self,
        _: ListEmployees,
        ctx: &Context,
    ) -> Result<Vec<Employee>, HandlerError> {
        let mut employees = self.employees.all(ctx);
        employees.sort_by(|a, b| a.full_name.cmp(&b.full_name));
        Ok(employees)
    }
}

impl From<&Employee> for EmployeeCreated {
    fn from(employee: &Employee) -> Self {
        Self {
            employee_id: employee.id,
            full_name: employee.full_name.clone(),
            email: employee.email.clone(),
            department: employee.department.clone(),
        }
    }
}
