//! Time logs and timesheets over HTTP.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use cqrs_core::Context;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{
    ApproveTimesheet, CreateTimeLog, DeleteTimeLog, FindTimeLog, FindTimesheet, ListTimeLogs,
    ListTimesheets, SubmitTimesheet, TimeLog, Timesheet, UpdateTimeLog,
};
use crate::failure::Failure;
use crate::http::{Buses, Json, Path, Problem, ProblemBody, Query};
use crate::paging::{Page, PageParams};

pub(crate) fn routes() -> OpenApiRouter<Buses> {
    OpenApiRouter::new()
        .routes(routes!(list_time_logs, create_time_log))
        .routes(routes!(find_time_log, update_time_log, delete_time_log))
        .routes(routes!(list_timesheets))
        .routes(routes!(find_timesheet))
        .routes(routes!(submit_timesheet))
        .routes(routes!(approve_timesheet))
}

/// New recorded time; `ended_at` or `minutes` says how long it took.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTimeLogBody {
    employee_id: Uuid,
    /// At most 200 characters.
    project: String,
    /// At most 1000 characters.
    #[serde(default)]
    note: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// At most a day.
    #[schema(minimum = 1, maximum = 1440)]
    minutes: Option<i64>,
}

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TimeLogChange {
    project: Option<String>,
    note: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    #[schema(minimum = 1, maximum = 1440)]
    minutes: Option<i64>,
}

/// Which page, and of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TimeParams {
    /// Of this employee alone.
    employee_id: Option<Uuid>,
    /// How many items at most, 1 to 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

impl TimeParams {
    fn split(self) -> (Option<Uuid>, PageParams) {
        (self.employee_id, PageParams { limit: self.limit, after: self.after })
    }
}

/// Lists time logs
#[utoipa::path(get, path = "/time-logs", tag = "time tracking", params(TimeParams), responses(
    (status = 200, body = Page<TimeLog>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_time_logs(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(params): Query<TimeParams>,
) -> Result<axum::Json<Page<TimeLog>>, Problem> {
    let (employee_id, page) = params.split();
    Ok(axum::Json(buses.ask(&ctx, ListTimeLogs { employee_id, page }).await?))
}

/// Records time
///
/// 409 when it overlaps other time of the employee, or when the week's timesheet was submitted.
#[utoipa::path(post, path = "/time-logs", tag = "time tracking", request_body = NewTimeLogBody,
    responses(
    (status = 201, body = TimeLog),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn create_time_log(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Json(new): Json<NewTimeLogBody>,
) -> Result<impl IntoResponse, Problem> {
    let NewTimeLogBody { employee_id, project, note, started_at, ended_at, minutes } = new;
    let command = CreateTimeLog { employee_id, project, note, started_at, ended_at, minutes };
    let log = buses.execute(&ctx, command).await?;
    let location = [(header::LOCATION, format!("/api/time-logs/{}", log.id))];
    Ok((StatusCode::CREATED, location, axum::Json(log)))
}

/// Shows a time log
#[utoipa::path(get, path = "/time-logs/{id}", tag = "time tracking", params(("id" = Uuid, Path)),
    responses(
    (status = 200, body = TimeLog),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn find_time_log(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<TimeLog>, Problem> {
    let log = buses.ask(&ctx, FindTimeLog { id }).await?;
    Ok(axum::Json(log.ok_or(Failure::NotFound("time log"))?))
}

/// Changes recorded time
#[utoipa::path(patch, path = "/time-logs/{id}", tag = "time tracking", params(("id" = Uuid, Path)),
    request_body = TimeLogChange, responses(
    (status = 200, body = TimeLog),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn update_time_log(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
    Json(change): Json<TimeLogChange>,
) -> Result<axum::Json<TimeLog>, Problem> {
    let TimeLogChange { project, note, started_at, ended_at, minutes } = change;
    let command = UpdateTimeLog { id, project, note, started_at, ended_at, minutes };
    Ok(axum::Json(buses.execute(&ctx, command).await?))
}

/// Removes recorded time
#[utoipa::path(delete, path = "/time-logs/{id}", tag = "time tracking", params(("id" = Uuid, Path)),
    responses(
    (status = 204),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn delete_time_log(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    buses.execute(&ctx, DeleteTimeLog { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists timesheets
#[utoipa::path(get, path = "/timesheets", tag = "time tracking", params(TimeParams), responses(
    (status = 200, body = Page<Timesheet>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_timesheets(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(params): Query<TimeParams>,
) -> Result<axum::Json<Page<Timesheet>>, Problem> {
    let (employee_id, page) = params.split();
    Ok(axum::Json(buses.ask(&ctx, ListTimesheets { employee_id, page }).await?))
}

/// Shows a timesheet
#[utoipa::path(get, path = "/timesheets/{id}", tag = "time tracking", params(("id" = Uuid, Path)),
    responses(
    (status = 200, body = Timesheet),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn find_timesheet(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Timesheet>, Problem> {
    let timesheet = buses.ask(&ctx, FindTimesheet { id }).await?;
    Ok(axum::Json(timesheet.ok_or(Failure::NotFound("timesheet"))?))
}

/// Submits a timesheet for approval
#[utoipa::path(post, path = "/timesheets/{id}/submit", tag = "time tracking",
    params(("id" = Uuid, Path)), responses(
    (status = 200, body = Timesheet),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn submit_timesheet(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Timesheet>, Problem> {
    Ok(axum::Json(buses.execute(&ctx, SubmitTimesheet { id }).await?))
}

/// Approves a timesheet
#[utoipa::path(post, path = "/timesheets/{id}/approve", tag = "time tracking",
    params(("id" = Uuid, Path)), responses(
    (status = 200, body = Timesheet),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn approve_timesheet(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Timesheet>, Problem> {
    Ok(axum::Json(buses.execute(&ctx, ApproveTimesheet { id }).await?))
}
