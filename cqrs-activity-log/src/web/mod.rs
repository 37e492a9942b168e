//! A page, a JSON API, exports and live entries, as an axum router to mount behind your own sign-in.
//!
//! ```
//! use axum::Router;
//! use cqrs_activity_log::{ActivityLog, web};
//! use cqrs_core::Context;
//! use cqrs_http::{ContextLayer, header};
//!
//! fn router(log: ActivityLog) -> Router {
//!     // The tenant of the request. A product takes it from a session or a signed token, not from a bare header.
//!     let contexts = ContextLayer::new(|request| Ok(Context::for_tenant(header(request, "x-tenant-id")?)?));
//!     Router::new().nest("/activity", web::router(log)).layer(contexts)
//! }
//! ```
//!
//! It works under any path, also one with parameters, such as `/{tenant}/activity`, because its links are
//! relative. With `nest`, the page is found with or without a slash at the end, as the path is written; with
//! `nest_service`, both ways.
//!
//! Each request is answered from the tenant of the [`Context`](cqrs_core::Context) in its extensions only. A
//! request without a context is answered with 401.
//!
//! | `GET` | |
//! |---|---|
//! | `/` | the page |
//! | `/entries/{id}` | one entry |
//! | `/live` | new entries for the page's script |
//! | `/verify` | whether the chain is whole |
//! | `/api/entries` | a page of entries: `{"entries": [..], "next": "..", "searched_until": ".."}` |
//! | `/api/entries/{id}` | one entry |
//! | `/api/export.jsonl`, `/api/export.csv` | all entries |
//! | `/api/live` | entries as they are recorded, as [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html) |
//! | `/api/verify` | whether the chain is whole; with `head`, also whether that head, which was kept, belongs to it |
//!
//! All lists take the same filter: `q`, `entity`, `entity_id`, `action`, `actor`, `organization`,
//! `event`, `from`, `to`, `correlation`, `outcome`; `from` and `to` are times or dates, in the time zone `tz`.
//! Pages also take `order` (`newest`, `oldest`, `recorded`), `limit` (1 to 200) and `after`, exports take `order`. A mistake is
//! answered with a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with status 400 that
//! names the `parameter`.

mod problem; // what a client reads if something is wrong
mod permits; // how many at once, over all and for each tenant
mod product; // the product that the page is part of
mod path; // parameters of a path
mod params; // parameters of a query
mod assets; // stylesheet and script
mod headers; // headers of every response
mod pages; // the settings
mod links; // links that work under any path
mod view; // what every handler needs of its request
mod sse; // live entries
mod verify; // whether the chain is sound
mod api; // JSON and exports
mod page; // HTML

use axum::http::StatusCode;
use axum::routing::{any, get};
use axum::{Router, middleware};
use cqrs_http::Problem;

pub use self::pages::Pages;
use self::view::View;
use crate::log::ActivityLog;

/// The router for `log` with default settings; see [`Pages`] for the settings.
pub fn router(log: ActivityLog) -> Router {
    Pages::new(log).into_router()
}

impl Pages {
    /// The router, to be nested or merged under any path, also one with parameters, such as
    /// `/{tenant}/activity`.
    ///
    /// As always with axum, `nest("/activity", ..)` finds the page at `/activity` only, `nest("/activity/", ..)`
    /// at `/activity/` only, and `nest_service("/activity", ..)` at both.
    pub fn into_router(self) -> Router {
        let viewed = Router::new()
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
            // Not a fallback, because that cannot be nested under a path that begins with a parameter.
            .route("/{*elsewhere}", any(nothing))
            .method_not_allowed_fallback(not_allowed)
            .layer(middleware::map_response(headers::unstored));
        Router::new()
            .route("/assets/{name}", get(assets::serve))
            .merge(viewed)
            .layer(middleware::map_response(headers::secure))
            .with_state(self)
    }
}

async fn nothing(_: View) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing here")
}

async fn not_allowed(_: View) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this can only be read: use GET")
}
