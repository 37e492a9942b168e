//! HTTP for applications of [`cqrs_core`]: one context for each request, and errors as problem documents.
//!
//! [`ContextLayer`] is a [tower](https://docs.rs/tower) layer. It works with axum, and with any other server
//! that uses the types of the `http` crate. Your function says whose request it is:
//!
//! ```
//! use cqrs_core::{Actor, Context};
//! use cqrs_http::{ContextLayer, header};
//!
//! let layer = ContextLayer::new(|request| {
//!     let tenant = header(request, "x-tenant-id")?;
//!     Ok(Context::for_tenant(tenant)?.with_actor(Actor::service("gateway")))
//! });
//! # let _ = layer;
//! ```
//!
//! For each request, the request id is accepted or made. Then the [`ContextLayer`] asks your function for a
//! context, and either calls the service inside that context, or answers with your [`Problem`].
//!
//! With the feature `axum`, `serve` runs a router until ctrl-c or SIGTERM, and stops without losing a request or what it
//! has published.

mod header;
mod layer;
mod problem;
mod request_id;
#[cfg(feature = "axum")]
mod serve;

pub use tower_http::request_id::RequestId;

pub use self::header::header;
pub use self::layer::{ContextLayer, ContextService};
pub use self::problem::Problem;
pub use self::request_id::{RequestIdLayer, RequestIdService};
#[cfg(feature = "axum")]
pub use self::serve::{Serve, ServeReport, serve};
