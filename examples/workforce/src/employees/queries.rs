//! What can be asked about employees.

use cqrs_core::prelude::*;

use super::Employee;
use super::repository::EmployeeRepository;
use crate::failure::Failure;
use crate::paging::{Page, PageParams, PageRequest};

/// One employee.
#[derive(Debug, Clone, Query)]
#[query(output = Option<Employee>, error = Failure)]
pub struct FindEmployee {
    /// Who.
    pub id: Uuid,
}

#[query_handler(FindEmployee)]
struct FindEmployeeHandler {
    employees: Arc<EmployeeRepository>,
}

impl QueryHandler<FindEmployee> for FindEmployeeHandler {
    async fn execute(
        &self,
        query: FindEmployee,
        ctx: &Context,
    ) -> Result<Option<Employee>, Failure> {
        Ok(self.employees.find(ctx, query.id).await?)
    }
}

/// A page of the tenant's employees.
#[derive(Debug, Clone, Default, Query)]
#[query(output = Page<Employee>, error = Failure)]
pub struct ListEmployees {
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListEmployees)]
struct ListEmployeesHandler {
    employees: Arc<EmployeeRepository>,
}

impl QueryHandler<ListEmployees> for ListEmployeesHandler {
    async fn execute(
        &self,
        query: ListEmployees,
        ctx: &Context,
    ) -> Result<Page<Employee>, Failure> {
        let page = PageRequest::new(ctx, "employees", &query.page)?;
        Ok(self.employees.list(ctx, &page).await?)
    }
}
