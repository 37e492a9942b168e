//! Signing in and out.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::next::Next;
use super::refusal::Refusal;
use super::{Pages, page};
use crate::demo::{self, DemoUser};
use crate::http::{Buses, Form, Problem, Query, SessionCookie, session};
use crate::users::http::Credentials;
use crate::users::{SignOut, SignedIn};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    demo_users: &'static [DemoUser],
    next: &'a Next,
    tenant: &'a str,
    email: &'a str,
    refusal: Refusal,
}

/// Where to go after it.
#[derive(Debug, Deserialize)]
pub(super) struct Destination {
    #[serde(default)]
    next: String,
}

/// What the form holds.
#[derive(Deserialize)]
pub(super) struct SignInForm {
    tenant: String,
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(super) fn page_for(pages: &Pages, next: &Next, refusal: Refusal) -> Response {
    typed_page_for(pages, next, ("", ""), refusal)
}

/// With the tenant and e-mail address that were typed, but never the password.
fn typed_page_for(
    pages: &Pages,
    next: &Next,
    (tenant, email): (&str, &str),
    refusal: Refusal,
) -> Response {
    let demo_users = if pages.demo { demo::USERS } else { &[] };
    let status = refusal.status();
    page(status, &SignInPage { demo_users, next, tenant, email, refusal })
}

pub(super) async fn show(
    Extension(pages): Extension<Pages>,
    headers: HeaderMap,
    Query(Destination { next }): Query<Destination>,
) -> Result<Response, Problem> {
    let next = Next::new(&next);
    match pages.context(&headers).await? {
        Some(_) => Ok(next.redirect().into_response()),
        None => Ok(page_for(&pages, &next, Refusal::default())),
    }
}

pub(super) async fn sign_in(
    State(buses): State<Buses>,
    Extension(pages): Extension<Pages>,
    Extension(cookie): Extension<SessionCookie>,
    Form(form): Form<SignInForm>,
) -> Response {
    let SignInForm { tenant, email, password, next } = form;
    let next = Next::new(&next);
    let credentials = Credentials { tenant: tenant.clone(), email: email.clone(), password };
    match credentials.execute(&buses).await {
        Ok(signed_in) => welcome(cookie, &signed_in, &next),
        Err(problem) => {
            typed_page_for(&pages, &next, (&tenant, &email), Refusal::new(&problem, &[]))
        }
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

pub(super) fn welcome(cookie: SessionCookie, signed_in: &SignedIn, next: &Next) -> Response {
    (cookie.set(&signed_in.token), next.redirect()).into_response()
}
