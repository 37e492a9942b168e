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

/// The employee who has this e-mail address.
#[derive(Debug, Clone, Query)]
#[query(output = Option<Employee>, error = Failure)]
pub struct FindEmployeeByEmail {
    /// Which; upper case or lower case does not matter.
    pub email: String,
}

#[query_handler(FindEmployeeByEmail)]
struct FindEmployeeByEmailHandler {
    employees: Arc<EmployeeRepository>,
}

impl QueryHandler<FindEmployeeByEmail> for FindEmployeeByEmailHandler {
    async fn execute(
        &self,
        query: FindEmployeeByEmail,
        ctx: &Context,
    ) -> Result<Option<Employee>, Failure> {
        let email = query.email.to_ascii_lowercase();
        Ok(self.employees.find_by_email(ctx, &email).await?)
    }
}

/// The employee that a user is, if they are one.
#[derive(Debug, Clone, Query)]
#[query(output = Option<Employee>, error = Failure)]
pub struct FindEmployeeOfUser {
    /// Which user.
    pub user_id: Uuid,
}

#[query_handler(FindEmployeeOfUser)]
struct FindEmployeeOfUserHandler {
    employees: Arc<EmployeeRepository>,
}

impl QueryHandler<FindEmployeeOfUser> for FindEmployeeOfUserHandler {
    async fn execute(
        &self,
        query: FindEmployeeOfUser,
        ctx: &Context,
    ) -> Result<Option<Employee>, Failure> {
        Ok(self.employees.find_by_user(ctx, query.user_id).await?)
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
