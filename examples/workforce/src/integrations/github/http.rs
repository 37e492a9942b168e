//! GitHub over HTTP: what it sends, and what people see of it.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use cqrs_core::{Actor, Context};
use cqrs_http::ContextLayer;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::signature::SignatureError;
use super::{
    AcceptTimeLogSuggestion, DismissTimeLogSuggestion, GitHubDelivery, HasGitHubHook, Hook,
    HookAddress, ListGitHubDeliveries, ListGitHubHooks, ListTimeLogSuggestions, NewHook,
    ReceiveGitHubDelivery, Received, SetUpGitHubHook, TimeLogSuggestion,
};
use crate::config::PublicUrl;
use crate::failure::Failure;
use crate::http::{Buses, Json, Path, Problem, ProblemBody, Query};
use crate::integrations::limits::{BodyError, Limits, limited};
use crate::integrations::turns::Turns;
use crate::paging::{Page, PageParams};

pub(crate) fn routes() -> OpenApiRouter<Buses> {
    OpenApiRouter::new()
        .routes(routes!(list_github_hooks, set_up_github_hook))
        .routes(routes!(list_github_deliveries))
        .routes(routes!(list_time_log_suggestions))
        .routes(routes!(accept_time_log_suggestion))
        .routes(routes!(dismiss_time_log_suggestion))
}

/// Where GitHub delivers. There is no session: whose hook it is says the address, and that it is GitHub
/// says the signature.
pub(crate) fn webhooks(limits: Limits) -> OpenApiRouter<Buses> {
    let contexts = ContextLayer::new(|request| {
        let name = request.uri.path().rsplit('/').next().unwrap_or_default();
        let address: HookAddress = name
            .parse()
            .map_err(|_| Problem::new(StatusCode::NOT_FOUND, "there is no such hook"))?;
        let ctx = Context::for_tenant(address.tenant().as_str())?;
        Ok(ctx.with_actor(Actor::service("github").named("GitHub")))
    });
    OpenApiRouter::new()
        .routes(routes!(receive_github_delivery))
        .layer(Extension(Bodies {
            limit: limits.github,
            turns: Turns::new(limits.github_at_once.div_ceil(2), limits.github_at_once),
        }))
        .layer(contexts)
}

/// Deliveries before anybody knows whose they are.
#[derive(Debug, Clone)]
struct Bodies {
    /// How large each may be, in bytes.
    limit: usize,
    /// How many are read at once.
    turns: Turns,
}

impl Bodies {
    /// Reads one.
    async fn read(&self, ctx: &Context, body: Body) -> Result<Vec<u8>, Problem> {
        let _turn = self.turns.take(ctx.tenant()).map_err(|_| {
            let detail = "too many deliveries are being sent at once; deliver again in a while";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
                .retry_after(Duration::from_secs(1))
        })?;
        let body = limited(body, self.limit).map_err(|error| refused(&error));
        let body = body.try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        body.await
    }
}

/// A new hook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewHookBody {
    /// What it is for, such as the repository's name; at most 200 characters.
    name: String,
}

/// A hook that was just set up, and what to type in at GitHub.
#[derive(Serialize, ToSchema)]
struct HookSetUp {
    #[serde(flatten)]
    hook: Hook,
    /// "Payload URL".
    url: String,
    /// "Secret". It is shown this once.
    secret: String,
}

/// What became of a delivery.
#[derive(Debug, Serialize, ToSchema)]
struct Receipt {
    /// `accepted` or `already received`.
    status: &'static str,
    /// What it is called here.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<Uuid>,
}

/// Lists hooks
#[utoipa::path(get, path = "/integrations/github", tag = "integrations", params(PageParams),
    responses(
    (status = 200, body = Page<Hook>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_github_hooks(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(page): Query<PageParams>,
) -> Result<axum::Json<Page<Hook>>, Problem> {
    Ok(axum::Json(buses.ask(&ctx, ListGitHubHooks { page }).await?))
}

/// Sets a hook up
///
/// The secret is shown this once. At GitHub, choose either content type and any events.
#[utoipa::path(post, path = "/integrations/github", tag = "integrations",
    request_body = NewHookBody, responses(
    (status = 201, body = HookSetUp),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn set_up_github_hook(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Extension(url): Extension<PublicUrl>,
    Json(new): Json<NewHookBody>,
) -> Result<impl IntoResponse, Problem> {
    let new = buses.execute(&ctx, SetUpGitHubHook { name: new.name }).await?;
    let NewHook { hook, address, secret } = new;
    let url = format!("{url}/webhooks/github/{address}");
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, axum::Json(HookSetUp { hook, url, secret })))
}

/// Lists what GitHub told
#[utoipa::path(get, path = "/integrations/github/deliveries", tag = "integrations",
    params(PageParams), responses(
    (status = 200, body = Page<GitHubDelivery>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_github_deliveries(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(page): Query<PageParams>,
) -> Result<axum::Json<Page<GitHubDelivery>>, Problem> {
    Ok(axum::Json(buses.ask(&ctx, ListGitHubDeliveries { page }).await?))
}

/// Lists suggested time logs
#[utoipa::path(get, path = "/integrations/github/suggestions", tag = "integrations",
    params(PageParams), responses(
    (status = 200, body = Page<TimeLogSuggestion>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_time_log_suggestions(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(page): Query<PageParams>,
) -> Result<axum::Json<Page<TimeLogSuggestion>>, Problem> {
    Ok(axum::Json(buses.ask(&ctx, ListTimeLogSuggestions { page }).await?))
}

/// Makes a time log of a suggestion
///
/// Once, however often it is said. Members accept their own work, owners everybody's.
#[utoipa::path(post, path = "/integrations/github/suggestions/{id}/accept", tag = "integrations",
    params(("id" = Uuid, Path)), responses(
    (status = 200, body = TimeLogSuggestion),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn accept_time_log_suggestion(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<TimeLogSuggestion>, Problem> {
    Ok(axum::Json(buses.execute(&ctx, AcceptTimeLogSuggestion { id }).await?))
}

/// Makes nothing of a suggestion
///
/// Members dismiss their own work, owners everybody's. One that is being accepted is answered with 409.
#[utoipa::path(delete, path = "/integrations/github/suggestions/{id}", tag = "integrations",
    params(("id" = Uuid, Path)), responses(
    (status = 204),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn dismiss_time_log_suggestion(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    buses.execute(&ctx, DismissTimeLogSuggestion { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a delivery from GitHub
///
/// Stores it, answers, and works on it afterwards. What was delivered before is answered with 200.
#[utoipa::path(post, path = "/webhooks/github/{hook}", tag = "integrations", security(()),
    request_body(content = String, content_type = "application/json"),
    params(
        ("hook" = String, Path, description = "The last part of the hook's address"),
        ("X-Hub-Signature-256" = String, Header, description = "HMAC-SHA256 of the body"),
        ("X-GitHub-Delivery" = String, Header, description = "What GitHub calls the delivery"),
        ("X-GitHub-Event" = String, Header, description = "What it is about"),
    ),
    responses(
    (status = 202, body = Receipt),
    (status = 200, body = Receipt),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "Too many are being sent at once; `Retry-After` says when to deliver again"),
))]
async fn receive_github_delivery(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Extension(bodies): Extension<Bodies>,
    Path(hook): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, axum::Json<Receipt>), Problem> {
    let hook: HookAddress =
        hook.parse().map_err(|error| Problem::new(StatusCode::NOT_FOUND, format!("{error}")))?;
    let read = |name: &str| {
        let value = headers.get(name)?.to_str().unwrap_or_default();
        Some(value.to_owned())
    };
    let missing = |name: &str| {
        Problem::new(StatusCode::BAD_REQUEST, format!("the header `{name}` is missing"))
    };
    let media_type = read("content-type").unwrap_or_default();
    let guid = read("X-GitHub-Delivery").ok_or_else(|| missing("X-GitHub-Delivery"))?;
    let kind = read("X-GitHub-Event").ok_or_else(|| missing("X-GitHub-Event"))?;
    // Nothing is read of what is for nobody.
    if !buses.ask(&ctx, HasGitHubHook { id: hook.id() }).await? {
        return Err(Failure::NotFound("hook").into());
    }
    let signature = read("x-hub-signature-256");
    let missing = || Failure::Unauthorized(SignatureError::Missing.to_string());
    let command = ReceiveGitHubDelivery {
        hook_id: hook.id(),
        signature: Some(signature.ok_or_else(missing)?),
        guid,
        kind,
        is_form: media_type.starts_with("application/x-www-form-urlencoded"),
        body: bodies.read(&ctx, body).await?,
    };
    let (status, text, delivery_id) = match buses.execute(&ctx, command).await? {
        Received::New(id) => (StatusCode::ACCEPTED, "accepted", Some(id)),
        Received::AlreadyThere => (StatusCode::OK, "already received", None),
    };
    Ok((status, axum::Json(Receipt { status: text, delivery_id })))
}

fn refused(error: &BodyError) -> Problem {
    match error {
        BodyError::TooLarge(limit) => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a delivery of more than {limit} bytes is not taken; let the hook send less"),
        ),
        BodyError::Broken(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "the body could not be read to its end")
        }
    }
}
