//! What somebody sees who is signed in: their tenant's employees.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use cqrs_core::Context;
use serde::Deserialize;

use super::next::Next;
use super::refusal::{Labels, Refusal};
use super::viewer::Viewer;
use super::{Pages, page, sign_in};
use crate::access::Role;
use crate::employees::{CreateEmployee, Employee, ListEmployees};
use crate::http::{Buses, Form, Problem, Query};
use crate::organizations::{ListOrganizations, Organization};
use crate::paging::PageParams;

const LABELS: Labels = &[("full_name", "Name"), ("email", "E-mail"), ("title", "Title")];

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    viewer: Viewer,
    may_add: bool,
    employees: Vec<Employee>,
    next: Option<String>,
    is_first: bool,
    organizations: Vec<Organization>,
    form: NewEmployee,
    refusal: Refusal,
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
        Some(ctx) => home(&buses, &ctx, params, NewEmployee::default(), Refusal::default()).await,
        None => Ok(sign_in::page_for(&pages, &Next::default(), Refusal::default())),
    }
}

pub(super) async fn add_employee(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    headers: HeaderMap,
    Form(form): Form<NewEmployee>,
) -> Result<Response, Problem> {
    let Some(ctx) = pages.context(&headers).await? else {
        return Ok(sign_in::page_for(&pages, &Next::default(), Refusal::session_ended()));
    };
    let command = CreateEmployee {
        full_name: form.full_name.clone(),
        email: form.email.clone(),
        title: form.title.clone(),
        organization_id: None,
    };
    match buses.execute(&ctx, command).await {
        Ok(_) => Ok(Redirect::to("/").into_response()),
        Err(problem) => {
            let refusal = Refusal::new(&problem, LABELS);
            home(&buses, &ctx, PageParams::default(), form, refusal).await
        }
    }
}

async fn home(
    buses: &Buses,
    ctx: &Context,
    params: PageParams,
    form: NewEmployee,
    refusal: Refusal,
) -> Result<Response, Problem> {
    let is_first = params.after.is_none();
    let employees = buses.ask(ctx, ListEmployees { page: params }).await?;
    let organizations = buses.ask(ctx, ListOrganizations::default()).await?;
    let home = Home {
        viewer: Viewer::new(ctx, "/"),
        may_add: Role::of(ctx) == Role::Owner,
        employees: employees.items,
        next: employees.next,
        is_first,
        organizations: organizations.items,
        form,
        refusal,
    };
    Ok(page(home.refusal.status(), &home))
}
