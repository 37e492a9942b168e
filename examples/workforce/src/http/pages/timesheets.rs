//! Timesheets: those that wait for an owner, and one's own.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use cqrs_core::{Actor, Command, Context};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::next::Next;
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, page, sign_in};
use crate::access::Role;
use crate::employees::{Employee, FindEmployee, FindEmployeeOfUser};
use crate::failure::Failure;
use crate::http::{Buses, Path, Problem, Query};
use crate::paging::{Page, PageParams};
use crate::time_tracking::{
    ApproveTimesheet, ListSubmittedTimesheets, ListTimesheets, SubmitTimesheet, Timesheet,
    TimesheetStatus, Week,
};

const HERE: &str = "/timesheets";
/// How many are in each list of the page.
const ROWS: u32 = 20;

#[derive(Template)]
#[template(path = "timesheets.html")]
struct TimesheetsPage {
    viewer: Viewer,
    /// For owners.
    waiting: Option<List>,
    /// For employees.
    own: Option<List>,
    refusal: Refusal,
}

struct List {
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

struct Row {
    id: Uuid,
    employee: String,
    week: Week,
    monday: String,
    hours: String,
    status: &'static str,
    submitted_at: Option<Timestamp>,
    may_submit: bool,
}

/// Which page of each list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    waiting: Option<String>,
    own: Option<String>,
}

pub(super) async fn show(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    match pages.context(&headers).await? {
        Some(ctx) => timesheets(&buses, &ctx, params, Refusal::default()).await,
        None => Ok(Next::new(HERE).by_way_of_sign_in().into_response()),
    }
}

pub(super) async fn submit(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    execute(&buses, &pages, &headers, SubmitTimesheet { id }).await
}

pub(super) async fn approve(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    execute(&buses, &pages, &headers, ApproveTimesheet { id }).await
}

async fn execute<C>(
    buses: &Buses,
    pages: &Pages,
    headers: &HeaderMap,
    command: C,
) -> Result<Response, Problem>
where
    C: Command<Error = Failure>,
{
    let Some(ctx) = pages.context(headers).await? else {
        return Ok(sign_in::page_for(pages, &Next::new(HERE), Refusal::session_ended()));
    };
    match buses.execute(&ctx, command).await {
        Ok(_) => Ok(Redirect::to(HERE).into_response()),
        Err(problem) => {
            timesheets(buses, &ctx, Params::default(), Refusal::new(&problem, &[])).await
        }
    }
}

async fn timesheets(
    buses: &Buses,
    ctx: &Context,
    params: Params,
    refusal: Refusal,
) -> Result<Response, Problem> {
    let waiting = if Role::of(ctx) == Role::Owner {
        let is_first = params.waiting.is_none();
        let query = ListSubmittedTimesheets { page: page_after(params.waiting) };
        let found = buses.ask(ctx, query).await?;
        Some(list(buses, ctx, found, is_first).await?)
    } else {
        None
    };
    let own = if let Some(employee) = own_employee(buses, ctx).await? {
        let is_first = params.own.is_none();
        let query = ListTimesheets { employee_id: Some(employee.id), page: page_after(params.own) };
        let found = buses.ask(ctx, query).await?;
        Some(list(buses, ctx, found, is_first).await?)
    } else {
        None
    };
    let viewer = Viewer::new(ctx, HERE);
    Ok(page(refusal.status(), &TimesheetsPage { viewer, waiting, own, refusal }))
}

fn page_after(after: Option<String>) -> PageParams {
    PageParams { limit: Some(ROWS), after }
}

async fn list(
    buses: &Buses,
    ctx: &Context,
    page: Page<Timesheet>,
    is_first: bool,
) -> Result<List, Problem> {
    let mut rows = Vec::with_capacity(page.items.len());
    for timesheet in page.items {
        let employee = buses.ask(ctx, FindEmployee { id: timesheet.employee_id }).await?;
        rows.push(Row {
            id: timesheet.id,
            employee: employee.map_or("Somebody who is gone".to_owned(), |it| it.full_name),
            week: timesheet.week,
            monday: timesheet.week.start().strftime("%F").to_string(),
            hours: format!("{}:{:02}", timesheet.minutes / 60, timesheet.minutes % 60),
            status: timesheet.status.as_str(),
            submitted_at: timesheet.submitted_at,
            may_submit: timesheet.status == TimesheetStatus::Draft && timesheet.minutes > 0,
        });
    }
    Ok(List { rows, next: page.next, is_first })
}

/// The employee that the user is, if they are one.
async fn own_employee(buses: &Buses, ctx: &Context) -> Result<Option<Employee>, Problem> {
    let Some(id) = ctx.actor().map(Actor::id).and_then(|id| id.parse::<Uuid>().ok()) else {
        return Ok(None);
    };
    buses.ask(ctx, FindEmployeeOfUser { user_id: id }).await
}
