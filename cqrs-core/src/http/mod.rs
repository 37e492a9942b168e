//! One context for each HTTP request. Needs the feature `http`.
//!
//! [`ContextLayer`] is a [tower](https://docs.rs/tower) layer: it works with axum, and with whatever else
//! speaks the `http` crate's types. A function of yours says whose request it is:
//!
//! ```
//! use cqrs_core::http::{ContextLayer, header};
//! use cqrs_core::{Actor, Context};
//!
//! let layer = ContextLayer::new(|request| {
//!     let tenant = header(request, "x-tenant-id")?;
//!     Ok(Context::for_tenant(tenant)?.with_actor(Actor::service("gateway")))
//! });
//! # let _ = layer;
//! ```
//!
//! The request's way through these modules: the [`ContextLayer`] reads its request id and
//! `traceparent`, asks your function for a context, and either calls the service inside that context or
//! answers with your [`Refusal`], as a problem document.

mod header;
mod layer;
mod refusal;
mod request_id;

pub use self::header::header;
pub use self::layer::{ContextLayer, ContextService};
pub use self::refusal::Refusal;
pub use self::request_id::{MAX_REQUEST_ID, REQUEST_ID_ATTRIBUTE, REQUEST_ID_HEADER};
