//! The pages: plain HTML, no script; every value is escaped by askama.

mod home;
mod sign_in;

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

use super::{Buses, Problem, session};
use crate::users::Sessions;

const STYLE: &str = include_str!("../../../assets/app.css");

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
        .route("/sign-in", post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/register", get(sign_in::registration).post(sign_in::register))
        .route("/join", get(sign_in::invitation).post(sign_in::join))
        .route("/assets/app.css", get(style))
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

/// For a page of another router: a browser that has no session is sent to where it can sign in.
pub(in crate::http) async fn or_sign_in(request: Request, next: Next) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let is_browser = accepts.is_some_and(|it| it.contains("text/html"));
    let response = next.run(request).await;
    if is_browser && response.status() == StatusCode::UNAUTHORIZED {
        return Redirect::to("/").into_response();
    }
    response
}

async fn style() -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "text/css; charset=utf-8"),
            (header::CACHE_CONTROL, "max-age=3600"),
        ],
        STYLE,
    )
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}
