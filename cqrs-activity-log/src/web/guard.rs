//! Who may look.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cqrs_core::Context;
use cqrs_http::Problem;

use super::Pages;

/// Nothing is answered before it is known for whom.
pub(super) async fn guard(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let Some(ctx) = request.extensions().get::<Context>() else {
        let detail = "it is unknown whose entries are asked for; sign in first";
        return Problem::unauthorized(detail).into_response();
    };
    if pages.authorize.as_ref().is_some_and(|may| !may(ctx)) {
        let detail = "you may not see the activity log";
        return Problem::forbidden(detail).into_response();
    }
    next.run(request).await
}
