//! Joining by invitation.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use cqrs_core::{Context, TenantScope};
use serde::Deserialize;

use super::next::Next;
use super::page;
use super::refusal::{Labels, Refusal};
use super::sign_in::welcome;
use crate::http::{Buses, Form, Problem, Query, SessionCookie};
use crate::users::http::Acceptance;
use crate::users::{FindOpenInvite, Token};

const LABELS: Labels = &[("password", "Password")];

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage {
    invite: Option<OpenInvite>,
    refusal: Refusal,
}

/// An invite that can be accepted.
struct OpenInvite {
    token: Token,
    tenant: String,
    full_name: String,
    email: String,
}

/// What the link in an invitation says.
#[derive(Deserialize)]
pub(super) struct Invitation {
    #[serde(default)]
    token: String,
}

pub(super) async fn show(
    State(buses): State<Buses>,
    Query(Invitation { token }): Query<Invitation>,
) -> Result<Response, Problem> {
    answer(&buses, &token, Refusal::default()).await
}

pub(super) async fn join(
    State(buses): State<Buses>,
    Extension(cookie): Extension<SessionCookie>,
    Form(acceptance): Form<Acceptance>,
) -> Result<Response, Problem> {
    let token = acceptance.token().to_owned();
    match acceptance.execute(&buses).await {
        Ok(signed_in) => Ok(welcome(cookie, &signed_in, &Next::default())),
        Err(problem) => answer(&buses, &token, Refusal::new(&problem, LABELS)).await,
    }
}

/// Nobody chooses a password for an invite that is not open: then the page says so, with 404.
async fn answer(buses: &Buses, token: &str, refusal: Refusal) -> Result<Response, Problem> {
    let invite = find(buses, token).await?;
    let status = if invite.is_some() { refusal.status() } else { StatusCode::NOT_FOUND };
    Ok(page(status, &JoinPage { invite, refusal }))
}

async fn find(buses: &Buses, token: &str) -> Result<Option<OpenInvite>, Problem> {
    let Some(token) = Token::parse(token.trim()) else {
        return Ok(None);
    };
    let ctx = Context::new(TenantScope::Tenant(token.tenant().clone()));
    let invite = buses.ask(&ctx, FindOpenInvite { token: token.clone() }).await?;
    Ok(invite.map(|invite| OpenInvite {
        tenant: token.tenant().to_string(),
        token,
        full_name: invite.full_name,
        email: invite.email,
    }))
}
