//! Signing in and out, registering, and joining by invitation.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{Pages, page};
use crate::demo::{self, DemoUser};
use crate::http::{Buses, Form, Problem, Query, SessionCookie, session};
use crate::users::http::{Acceptance, Credentials, Registration};
use crate::users::{SignOut, SignedIn};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    demo_users: &'static [DemoUser],
    problem: Option<Problem>,
}

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    problem: Option<Problem>,
}

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage {
    token: String,
    problem: Option<Problem>,
}

/// What the link in an invitation says.
#[derive(Debug, Deserialize)]
pub(super) struct Invitation {
    token: String,
}

pub(super) fn page_for(pages: &Pages, problem: Option<Problem>) -> Response {
    let demo_users = if pages.demo { demo::USERS } else { &[] };
    page(status(problem.as_ref()), &SignInPage { demo_users, problem })
}

pub(super) async fn sign_in(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    Extension(cookie): Extension<SessionCookie>,
    Form(credentials): Form<Credentials>,
) -> Response {
    match credentials.execute(&buses).await {
        Ok(signed_in) => welcome(cookie, &signed_in),
        Err(problem) => page_for(&pages, Some(problem)),
    }
}

pub(super) async fn sign_out(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    Extension(cookie): Extension<SessionCookie>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let (Some(token), Some(ctx)) = (session::token(&headers), pages.context(&headers).await?) {
        buses.execute(&ctx, SignOut { token }).await?;
    }
    Ok((cookie.clear(), Redirect::to("/")).into_response())
}

pub(super) async fn registration() -> Response {
    page(StatusCode::OK, &RegisterPage { problem: None })
}

pub(super) async fn register(
    State(buses): State<Buses>,
    Extension(cookie): Extension<SessionCookie>,
    Form(registration): Form<Registration>,
) -> Response {
    match registration.execute(&buses).await {
        Ok(signed_in) => welcome(cookie, &signed_in),
        Err(problem) => page(problem.status(), &RegisterPage { problem: Some(problem) }),
    }
}

pub(super) async fn invitation(Query(invitation): Query<Invitation>) -> Response {
    page(StatusCode::OK, &JoinPage { token: invitation.token, problem: None })
}

pub(super) async fn join(
    State(buses): State<Buses>,
    Extension(cookie): Extension<SessionCookie>,
    Form(acceptance): Form<Acceptance>,
) -> Response {
    let token = acceptance.token().to_owned();
    match acceptance.execute(&buses).await {
        Ok(signed_in) => welcome(cookie, &signed_in),
        Err(problem) => page(problem.status(), &JoinPage { token, problem: Some(problem) }),
    }
}

fn welcome(cookie: SessionCookie, signed_in: &SignedIn) -> Response {
    (cookie.set(&signed_in.token), Redirect::to("/")).into_response()
}

fn status(problem: Option<&Problem>) -> StatusCode {
    problem.map_or(StatusCode::OK, Problem::status)
}
