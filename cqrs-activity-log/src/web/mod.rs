//! A page, a JSON API, exports and live entries, as an axum router to mount behind your own sign-in.
//!
//! ```
//! use axum::Router;
//! use cqrs_activity_log::{ActivityLog, web};
//! use cqrs_core::Context;
//! use cqrs_http::{ContextLayer, header};
//!
//! fn router(log: ActivityLog) -> Router {
//!     // Whose request it is. A product looks at a session or a signed token instead of a bare header.
//!     let contexts = ContextLayer::new(|request| Ok(Context::for_tenant(header(request, "x-tenant-id")?)?));
//!     Router::new().nest("/activity", web::router(log)).layer(contexts)
//! }
//! ```
//!
//! It works under any path, also one with parameters, such as `/{tenant}/activity`, since its links are
//! relative. `nest` finds the page with or without a slash at the end, as the path is written, and
//! `nest_service` with both.
//!
//! Each request is answered from the tenant of the [`Context`] in its extensions, and from no other. One that
//! has none is answered with 401.
//!
//! | `GET` | |
//! |---|---|
//! | `/` | the page |
//! | `/entries/{id}` | one entry |
//! | `/live` | what the page's script adds to it |
//! | `/verify` | whether the chain is whole |
//! | `/api/entries` | a page of entries: `{"entries": [..], "next": "..", "searched_until": ".."}` |
//! | `/api/entries/{id}` | one entry |
//! | `/api/export.jsonl`, `/api/export.csv` | all entries |
//! | `/api/live` | entries as they are recorded, as [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html) |
//! | `/api/verify` | whether the chain is whole |
//!
//! All that list entries take the same filter: `q`, `entity`, `entity_id`, `action`, `actor`, `organization`,
//! `event`, `from`, `to`, `correlation`, `outcome`; `from` and `to` are times or dates, in the time zone `tz`.
//! Pages also take `order` (`newest`, `oldest`), `limit` (1 to 200) and `after`, exports take `order`. What is
//! wrong is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with status 400 that
//! names the `parameter`.

mod api;
mod assets;
mod guard;
mod headers;
mod links;
mod page;
mod params;
mod path;
mod places;
mod problem;
mod product;
mod sse;
mod verify;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::{any, get};
use axum::{Router, middleware};
use cqrs_core::Context;
use cqrs_http::Problem;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use self::places::Places;
use self::product::Product;
use crate::log::ActivityLog;

/// How many live tails there are at once, unless it is said otherwise.
pub const DEFAULT_LIVE_LIMIT: usize = 256;

/// How long one connection of a live tail lasts, unless it is said otherwise.
pub const DEFAULT_LIVE_FOR: Duration = Duration::from_mins(1);

/// How many chains are verified at once, each tenant's once.
const VERIFY_LIMIT: usize = 2;

/// The router for `log`, with nothing set; see [`Pages`] for what can be.
pub fn router(log: ActivityLog) -> Router {
    Pages::new(log).into_router()
}

/// Whether somebody may look.
type Authorize = Arc<dyn Fn(&Context) -> bool + Send + Sync>;

/// The router's settings: who may look, and when live tails end.
///
/// ```
/// use cqrs_activity_log::{ActivityLog, web::Pages};
///
/// fn router(log: ActivityLog, shutdown: impl Future<Output = ()> + Send + 'static) -> axum::Router {
///     Pages::new(log)
///         .authorize(|ctx| ctx.attribute("role") == Some("auditor"))
///         .until(shutdown)
///         .into_router()
/// }
/// ```
#[must_use = "nothing is served until `into_router`"]
#[derive(Clone)]
pub struct Pages {
    log: ActivityLog,
    authorize: Option<Authorize>,
    until: Option<Shared<BoxFuture<'static, ()>>>,
    product: Option<Product>,
    live: Places,
    live_for: Duration,
    verifying: Places,
}

impl Pages {
    /// For everyone in the tenant, until the server ends.
    pub fn new(log: ActivityLog) -> Self {
        Self {
            log,
            authorize: None,
            until: None,
            product: None,
            live: live_places(DEFAULT_LIVE_LIMIT),
            live_for: DEFAULT_LIVE_FOR,
            verifying: Places::new(VERIFY_LIMIT, 1),
        }
    }

    /// Answers with 403 where `may` says no of the request's context.
    pub fn authorize(mut self, may: impl Fn(&Context) -> bool + Send + Sync + 'static) -> Self {
        self.authorize = Some(Arc::new(may));
        self
    }

    /// Ends live tails when `shutdown` does. A server that waits for its connections to end
    /// (`with_graceful_shutdown`) would otherwise wait for them, for as long as they last.
    pub fn until(mut self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Some(shutdown.boxed().shared());
        self
    }

    /// A link back to the product that the page is part of, shown above the page's header under this
    /// name. It is a path, such as `/`, or a URL that begins with `https://` or `http://`.
    ///
    /// # Panics
    ///
    /// If it is neither.
    pub fn home(mut self, href: &str, name: &str) -> Self {
        let product = Product::new(href, name);
        assert!(
            product.is_some(),
            "`{href}` is no way home: give a path such as `/`, or a URL that begins with `https://`"
        );
        self.product = product;
        self
    }

    /// How many live tails there can be at once, [`DEFAULT_LIVE_LIMIT`] unless set. A tenant can have a
    /// quarter of them, and at least one, so that none takes them all. One more is answered with 503.
    pub fn live_limit(mut self, limit: usize) -> Self {
        self.live = live_places(limit);
        self
    }

    /// How long one connection of a live tail lasts, [`DEFAULT_LIVE_FOR`] unless set.
    ///
    /// Who may look is asked when a connection begins, so this is also how long somebody still sees what is
    /// recorded who has signed out, or may no longer look. A browser comes back by itself after two seconds,
    /// is asked again, and misses nothing.
    pub fn live_for(mut self, duration: Duration) -> Self {
        self.live_for = duration;
        self
    }

    /// The router, to be nested or merged wherever it shall be found, also under a path with parameters, such
    /// as `/{tenant}/activity`.
    ///
    /// As axum has it, `nest("/activity", ..)` finds the page at `/activity` alone, `nest("/activity/", ..)`
    /// at `/activity/` alone, and `nest_service("/activity", ..)` at both.
    pub fn into_router(self) -> Router {
        let guarded = Router::new()
            .route("/", get(page::timeline))
            .route("/entries/{id}", get(page::single))
            .route("/live", get(page::live))
            .route("/verify", get(page::verified))
            .route("/api/entries", get(api::entries))
            .route("/api/entries/{id}", get(api::entry))
            .route("/api/export.jsonl", get(api::json_lines))
            .route("/api/export.csv", get(api::csv))
            .route("/api/live", get(sse::live))
            .route("/api/verify", get(verify::verify))
            // Not as a fallback, which cannot be nested under a path that begins with a parameter.
            .route("/{*elsewhere}", any(nothing))
            .method_not_allowed_fallback(|| async {
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this can only be read: use GET")
            })
            .layer(middleware::from_fn_with_state(self.clone(), guard::guard))
            .layer(middleware::map_response(headers::unstored));
        Router::new()
            .route("/assets/{name}", get(assets::serve))
            .merge(guarded)
            .layer(middleware::map_response(headers::secure))
            .with_state(self)
    }
}

fn live_places(limit: usize) -> Places {
    Places::new(limit, (limit / 4).max(1))
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing here")
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("log", &self.log).finish_non_exhaustive()
    }
}
