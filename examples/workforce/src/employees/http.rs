//! Employees over HTTP.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use cqrs_core::Context;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{
    CreateEmployee, Employee, EmployeeHours, EmployeeStatus, FindEmployee, FindEmployeeHours,
    ListEmployees, UpdateEmployee,
};
use crate::failure::Failure;
use crate::http::{Buses, Json, Path, Problem, ProblemBody, Query};
use crate::paging::{Page, PageParams};

pub(crate) fn routes() -> OpenApiRouter<Buses> {
    OpenApiRouter::new()
        .routes(routes!(list_employees, create_employee))
        .routes(routes!(find_employee, update_employee))
        .routes(routes!(employee_hours))
}

/// A new employee.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewEmployee {
    /// At most 200 characters.
    full_name: String,
    /// One employee of a tenant for each.
    email: String,
    /// At most 200 characters.
    #[serde(default)]
    title: String,
    /// By default that of who adds them.
    organization_id: Option<Uuid>,
}

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EmployeeChange {
    full_name: Option<String>,
    email: Option<String>,
    title: Option<String>,
    status: Option<EmployeeStatus>,
}

/// Lists employees
#[utoipa::path(get, path = "/employees", tag = "employees", params(PageParams), responses(
    (status = 200, body = Page<Employee>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_employees(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(page): Query<PageParams>,
) -> Result<axum::Json<Page<Employee>>, Problem> {
    Ok(axum::Json(buses.ask(&ctx, ListEmployees { page }).await?))
}

/// Adds an employee
#[utoipa::path(post, path = "/employees", tag = "employees", request_body = NewEmployee, responses(
    (status = 201, body = Employee),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn create_employee(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Json(new): Json<NewEmployee>,
) -> Result<impl IntoResponse, Problem> {
    let NewEmployee { full_name, email, title, organization_id } = new;
    let command = CreateEmployee { full_name, email, title, organization_id };
    let employee = buses.execute(&ctx, command).await?;
    let location = [(header::LOCATION, format!("/api/employees/{}", employee.id))];
    Ok((StatusCode::CREATED, location, axum::Json(employee)))
}

/// Shows an employee
#[utoipa::path(get, path = "/employees/{id}", tag = "employees", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Employee),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn find_employee(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Employee>, Problem> {
    let employee = buses.ask(&ctx, FindEmployee { id }).await?;
    Ok(axum::Json(employee.ok_or(Failure::NotFound("employee"))?))
}

/// Shows how much an employee works
#[utoipa::path(get, path = "/employees/{id}/hours", tag = "employees", params(("id" = Uuid, Path)),
    responses(
    (status = 200, body = EmployeeHours),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn employee_hours(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<EmployeeHours>, Problem> {
    let employee = buses.ask(&ctx, FindEmployee { id }).await?;
    let employee_id = employee.ok_or(Failure::NotFound("employee"))?.id;
    Ok(axum::Json(buses.ask(&ctx, FindEmployeeHours { employee_id }).await?))
}

/// Changes an employee
#[utoipa::path(patch, path = "/employees/{id}", tag = "employees", params(("id" = Uuid, Path)),
    request_body = EmployeeChange, responses(
    (status = 200, body = Employee),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn update_employee(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
    Json(change): Json<EmployeeChange>,
) -> Result<axum::Json<Employee>, Problem> {
    let EmployeeChange { full_name, email, title, status } = change;
    let command = UpdateEmployee { id, full_name, email, title, status };
    Ok(axum::Json(buses.execute(&ctx, command).await?))
}
