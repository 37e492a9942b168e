//! What every handler needs of its request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use cqrs_core::Context;

use super::links::Links;
use super::pages::Pages;
use super::params::{Empty, Params};
use cqrs_http::Problem;

/// A request whose context may see the log. Extracting it is the guard of a handler: a request without a context is
/// answered with 401, and one that `Pages::authorize` refuses with 403.
pub(super) struct View {
    pub(super) pages: Pages,
    pub(super) ctx: Context,
    pub(super) links: Links,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
}

impl View {
    /// The query parameters, of which only `known` ones are accepted.
    pub(super) fn params(
        &self,
        known: &[&[&'static str]],
        empty: Empty,
    ) -> Result<Params, Problem> {
        Params::read(self.query.as_deref(), known, empty)
    }
}

impl FromRequestParts<Pages> for View {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Problem> {
        let Some(ctx) = parts.extensions.get::<Context>().cloned() else {
            let detail = "it is unknown whose entries are asked for; sign in first";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
        };
        if pages.authorize.as_ref().is_some_and(|may| !may(&ctx)) {
            let detail = "you may not see the activity log";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        Ok(Self {
            links: Links::of(parts, pages),
            pages: pages.clone(),
            ctx,
            query: parts.uri.query().map(ToOwned::to_owned),
            headers: parts.headers.clone(),
        })
    }
}
