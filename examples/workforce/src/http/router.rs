//! All routes, and what is around them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::{Extension, Router};
use cqrs_http::RequestIdLayer;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::openapi::ApiDoc;
use super::problem::BODY_LIMIT;
use super::{Buses, Problem, SessionCookie, origin, pages, session, trace, unread};
use crate::config::PublicUrl;
use crate::integrations::turns::Turns;
use crate::integrations::upwork::UpworkImporter;
use crate::integrations::{Limits, github, upwork};
use crate::users::Sessions;
use crate::{employees, organizations, time_tracking, users};

/// What the routes need.
pub(crate) struct Parts {
    pub(crate) buses: Buses,
    pub(crate) activity: Router<Buses>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) importer: Arc<UpworkImporter>,
    pub(crate) limits: Limits,
    /// Who imports a file.
    pub(crate) imports: Turns,
    /// Holds when the server ends.
    pub(crate) stopped: watch::Receiver<bool>,
    /// How long a body may keep the server waiting.
    pub(crate) body_within: Duration,
    pub(crate) url: PublicUrl,
    pub(crate) demo: bool,
}

pub(crate) fn router(parts: Parts) -> Router {
    let Parts { buses, activity, sessions, importer, limits, .. } = parts;
    let Parts { imports, stopped, body_within, url, demo, .. } = parts;
    let cookie = SessionCookie { secure: url.is_secure() };
    let contexts = session::contexts(Arc::clone(&sessions));

    // Routes of modules that need a session.
    let private = OpenApiRouter::new()
        .merge(employees::http::routes())
        .merge(organizations::http::routes())
        .merge(users::http::routes())
        .merge(time_tracking::http::routes())
        .merge(github::http::routes())
        .merge(upwork::http::routes(importer, limits.upwork, imports, stopped))
        .layer(from_fn(trace::name_tenant));
    let private = OpenApiRouter::new().nest("/api", private).layer(contexts.clone());
    // Routes of modules that say themselves who may call them.
    let public = OpenApiRouter::new().merge(users::http::public_routes());
    let public = OpenApiRouter::new()
        .nest("/api", public)
        .merge(github::http::webhooks(limits).layer(from_fn(trace::name_tenant)));
    let (api, document) = OpenApiRouter::with_openapi(ApiDoc::openapi())
        .merge(private)
        .merge(public)
        .split_for_parts();

    let docs: Router<Buses> = SwaggerUi::new("/api/docs").url("/api/openapi.json", document).into();
    let activity = activity
        .layer(from_fn(trace::name_tenant))
        .layer(contexts)
        .layer(from_fn(pages::or_sign_in));

    Router::new()
        .merge(api)
        .merge(docs.layer(map_response(allow_scripts)))
        .merge(activity)
        .merge(pages::routes(sessions, demo))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_like_this)
        .with_state(buses)
        .layer(Extension(cookie))
        .layer(Extension(url))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(trace::panicked))
        .layer(from_fn(origin::check))
        .layer(from_fn_with_state(body_within, unread::discard))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(trace::span as fn(&Request) -> _)
                .on_response(DefaultOnResponse::new().level(Level::INFO)),
        )
        .layer(from_fn(trace::complete))
        .layer(RequestIdLayer)
}

async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing here; `/api/docs` lists what there is")
}

async fn not_like_this() -> Problem {
    let detail = "this address is not used with this method; the header `Allow` says with which";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// The documentation page is the one that runs scripts, its own.
async fn allow_scripts(mut response: Response) -> Response {
    let policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                  base-uri 'none'; frame-ancestors 'none'";
    let policy = HeaderValue::from_static(policy);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
