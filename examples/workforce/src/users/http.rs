//! Registration, sessions and invites over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json as Body};
use cqrs_core::{Actor, Context, TenantScope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::typed_password;
use super::{
    AcceptInvite, CreateInvite, FindUser, Invite, ListInvites, RegisterTenant, ResendInvite,
    SignIn, SignedIn, Token, User,
};
use crate::failure::Failure;
use crate::http::{Buses, Json, Path, Problem, ProblemBody, Query, SessionCookie};
use crate::paging::{Page, PageParams};

pub(crate) fn routes() -> OpenApiRouter<Buses> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(list_invites, invite))
        .routes(routes!(resend_invite))
}

/// What needs no session.
pub(crate) fn public_routes() -> OpenApiRouter<Buses> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(sign_in)).routes(routes!(accept))
}

/// A company and its owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// What the tenant is called in URLs and tokens: 2 to 40 lower-case letters, digits and inner dashes.
    pub(crate) tenant: String,
    /// At most 200 characters.
    pub(crate) company: String,
    /// At most 200 characters.
    pub(crate) full_name: String,
    pub(crate) email: String,
    /// 8 characters to 256 bytes.
    #[serde(deserialize_with = "typed_password::deserialize")]
    password: String,
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    pub(crate) tenant: String,
    pub(crate) email: String,
    #[serde(deserialize_with = "typed_password::deserialize")]
    pub(crate) password: String,
}

/// What an invitation e-mail holds, and a password of one's own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acceptance {
    token: String,
    /// 8 characters to 256 bytes.
    #[serde(deserialize_with = "typed_password::deserialize")]
    password: String,
}

/// Who is invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInvite {
    /// At most 200 characters.
    full_name: String,
    email: String,
}

/// A session; its token is also set as a cookie.
#[derive(Serialize, ToSchema)]
struct Session {
    tenant: String,
    /// For `Authorization: Bearer ..`; lasts for 12 hours.
    token: String,
    user: User,
}

impl Registration {
    pub(crate) async fn execute(self, buses: &Buses) -> Result<SignedIn, Problem> {
        let Self { tenant, company, full_name, email, password } = self;
        let command = RegisterTenant { company, full_name, email, password }.checked(&tenant)?;
        let ctx = Context::for_tenant(&tenant).map_err(Problem::internal)?;
        buses.execute(&ctx, command).await
    }
}

impl Credentials {
    pub(crate) async fn execute(self, buses: &Buses) -> Result<SignedIn, Problem> {
        let Self { tenant, email, password } = self;
        let ctx = Context::for_tenant(tenant.trim())
            .map_err(|_| Failure::Unauthorized("tenant, e-mail or password is wrong".to_owned()))?;
        buses.execute(&ctx, SignIn { email, password }).await
    }
}

impl Acceptance {
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) async fn execute(self, buses: &Buses) -> Result<SignedIn, Problem> {
        let token = Token::parse(self.token.trim());
        let token = token.ok_or(Failure::NotFound("open invite; ask for another one"))?;
        let ctx = Context::new(TenantScope::Tenant(token.tenant().clone()));
        buses.execute(&ctx, AcceptInvite { token, password: self.password }).await
    }
}

fn session(status: StatusCode, cookie: SessionCookie, signed_in: SignedIn) -> Response {
    let SignedIn { token, user } = signed_in;
    let session = Session { tenant: token.tenant().to_string(), token: token.to_string(), user };
    (status, cookie.set(&token), Body(session)).into_response()
}

/// Registers a company as a tenant of its own, and signs its owner in
#[utoipa::path(post, path = "/register", tag = "users", request_body = Registration, responses(
    (status = 201, body = Session),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "Too many sign in at once; the header `Retry-After` says when to come again"),
), security(()))]
async fn register(
    State(buses): State<Buses>,
    Extension(cookie): Extension<SessionCookie>,
    Json(registration): Json<Registration>,
) -> Result<Response, Problem> {
    Ok(session(StatusCode::CREATED, cookie, registration.execute(&buses).await?))
}

/// Signs in
#[utoipa::path(post, path = "/sessions", tag = "users", request_body = Credentials, responses(
    (status = 201, body = Session),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "Too many sign in at once; the header `Retry-After` says when to come again"),
), security(()))]
async fn sign_in(
    State(buses): State<Buses>,
    Extension(cookie): Extension<SessionCookie>,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Problem> {
    Ok(session(StatusCode::CREATED, cookie, credentials.execute(&buses).await?))
}

/// Accepts an invite, and signs the new user in
#[utoipa::path(post, path = "/invites/accept", tag = "users", request_body = Acceptance, responses(
    (status = 201, body = Session),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "Too many sign in at once; the header `Retry-After` says when to come again"),
), security(()))]
async fn accept(
    State(buses): State<Buses>,
    Extension(cookie): Extension<SessionCookie>,
    Json(acceptance): Json<Acceptance>,
) -> Result<Response, Problem> {
    Ok(session(StatusCode::CREATED, cookie, acceptance.execute(&buses).await?))
}

/// Shows who is signed in
#[utoipa::path(get, path = "/me", tag = "users", responses(
    (status = 200, body = User),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn me(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
) -> Result<Body<User>, Problem> {
    let id = ctx.actor().map(Actor::id).and_then(|id| id.parse::<Uuid>().ok());
    let id = id.ok_or(Failure::NotFound("user"))?;
    let user = buses.ask(&ctx, FindUser { id }).await?;
    Ok(Body(user.ok_or(Failure::NotFound("user"))?))
}

/// Lists invites
#[utoipa::path(get, path = "/invites", tag = "users", params(PageParams), responses(
    (status = 200, body = Page<Invite>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_invites(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(page): Query<PageParams>,
) -> Result<Body<Page<Invite>>, Problem> {
    Ok(Body(buses.ask(&ctx, ListInvites { page }).await?))
}

/// Invites somebody who is no employee
#[utoipa::path(post, path = "/invites", tag = "users", request_body = NewInvite, responses(
    (status = 201, body = Invite),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn invite(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Json(new): Json<NewInvite>,
) -> Result<(StatusCode, Body<Invite>), Problem> {
    let NewInvite { full_name, email } = new;
    let invite = buses.execute(&ctx, CreateInvite { full_name, email }).await?;
    Ok((StatusCode::CREATED, Body(invite)))
}

/// Sends an invitation again, with a new token; the one before is void
#[utoipa::path(post, path = "/invites/{id}/resend", tag = "users", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Invite),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn resend_invite(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<Body<Invite>, Problem> {
    Ok(Body(buses.execute(&ctx, ResendInvite { id }).await?))
}
