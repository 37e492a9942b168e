//! What somebody sees who is signed in: their tenant's employees.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use cqrs_core::{Actor, Context};
use serde::Deserialize;

use super::{Pages, page, sign_in};
use crate::access::Role;
use crate::employees::{CreateEmployee, Employee, ListEmployees};
use crate::http::{Buses, Form, Problem, Query};
use crate::organizations::{ListOrganizations, Organization};
use crate::paging::PageParams;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    tenant: String,
    user: &'a str,
    may_add: bool,
    employees: Vec<Employee>,
    next: Option<String>,
    is_first: bool,
    organizations: Vec<Organization>,
    form: NewEmployee,
    problem: Option<Problem>,
}

/// As it was typed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct NewEmployee {
    full_name: String,
    email: String,
    title: String,
}

pub(super) async fn show(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    headers: HeaderMap,
    Query(params): Query<PageParams>,
) -> Result<Response, Problem> {
    match pages.context(&headers).await? {
        Some(ctx) => home(&buses, &ctx, params, NewEmployee::default(), None).await,
        None => Ok(sign_in::page_for(&pages, None)),
    }
}

pub(super) async fn add_employee(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    headers: HeaderMap,
    Form(form): Form<NewEmployee>,
) -> Result<Response, Problem> {
    let Some(ctx) = pages.context(&headers).await? else {
        return Ok(Redirect::to("/").into_response());
    };
    let command = CreateEmployee {
        full_name: form.full_name.clone(),
        email: form.email.clone(),
        title: form.title.clone(),
        organization_id: None,
    };
    match buses.execute(&ctx, command).await {
        Ok(_) => Ok(Redirect::to("/").into_response()),
        Err(problem) => home(&buses, &ctx, PageParams::default(), form, Some(problem)).await,
    }
}

async fn home(
    buses: &Buses,
    ctx: &Context,
    params: PageParams,
    form: NewEmployee,
    problem: Option<Problem>,
) -> Result<Response, Problem> {
    let is_first = params.after.is_none();
    let employees = buses.ask(ctx, ListEmployees { page: params }).await?;
    let organizations = buses.ask(ctx, ListOrganizations::default()).await?;
    let home = Home {
        tenant: ctx.tenant().to_string(),
        user: ctx.actor().and_then(Actor::name).unwrap_or("you"),
        may_add: Role::of(ctx) == Role::Owner,
        employees: employees.items,
        next: employees.next,
        is_first,
        organizations: organizations.items,
        form,
        problem,
    };
    let status = home.problem.as_ref().map_or(StatusCode::OK, Problem::status);
    Ok(page(status, &home))
}
