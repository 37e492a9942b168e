//! The pages: plain HTML, no script; every value is escaped by askama.

mod home;
mod join;
mod next;
mod refusal;
mod register;
mod sign_in;
mod timesheets;
mod viewer;

use std::sync::Arc;

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use cqrs_core::Context;
use tracing::{Span, field};

use super::accept::prefers_html;
use super::{Buses, Problem, session};
use crate::users::Sessions;

const STYLE: &str = include_str!("../../../assets/app.css");
const ICON: &str = include_str!("../../../assets/icon.svg");

/// What pages need besides the buses.
#[derive(Clone)]
struct Pages {
    sessions: Arc<Sessions>,
    /// Whether demo users may sign in by one click.
    demo: bool,
}

pub(in crate::http) fn routes(sessions: Arc<Sessions>, demo: bool) -> Router<Buses> {
    Router::new()
        .route("/", get(home::show))
        .route("/employees", post(home::add_employee))
        .route("/timesheets", get(timesheets::show))
        .route("/timesheets/{id}/submit", post(timesheets::submit))
        .route("/timesheets/{id}/approve", post(timesheets::approve))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/register", get(register::show).post(register::register))
        .route("/join", get(join::show).post(join::join))
        .route("/assets/app.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route("/assets/icon.svg", get(|| async { asset("image/svg+xml", ICON) }))
        .route("/favicon.ico", get(|| async { Redirect::permanent("/assets/icon.svg") }))
        .layer(Extension(Pages { sessions, demo }))
}

impl Pages {
    /// Who is signed in, if somebody is.
    async fn context(&self, headers: &HeaderMap) -> Result<Option<Context>, Problem> {
        let ctx = session::context(&self.sessions, headers).await.map_err(Problem::internal)?;
        if let Some(ctx) = &ctx {
            Span::current().record("tenant", field::display(ctx.tenant()));
        }
        Ok(ctx)
    }
}

/// For a page of another router: a browser that has no session is sent to where it can sign in, and from there
/// back.
pub(in crate::http) async fn or_sign_in(request: Request, next: Next) -> Response {
    let is_browser = prefers_html(request.headers());
    let path = request.uri().path_and_query().map(ToString::to_string);
    let response = next.run(request).await;
    if is_browser && response.status() == StatusCode::UNAUTHORIZED {
        return next::Next::new(&path.unwrap_or_default()).by_way_of_sign_in().into_response();
    }
    response
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    problem: Problem,
    detail: String,
}

/// A problem for a person.
pub(in crate::http) fn problem(problem: Problem) -> Response {
    let (status, detail) = (problem.status(), refusal::sentence(problem.detail()));
    page(status, &ProblemPage { problem, detail })
}

fn asset(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, text)
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}
