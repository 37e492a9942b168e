//! A problem as a response.

use cqrs_core::Context;
use http::{HeaderValue, Response, header};

use super::Problem;
use crate::RequestIdLayer;

/// Logs the cause. The response's extensions contain the problem without its cause, so that an outer layer
/// can complete it or show it in another way.
impl<B: From<String>> From<Problem> for Response<B> {
    fn from(mut problem: Problem) -> Self {
        if problem.0.request_id.is_none()
            && let Some(ctx) = Context::current()
        {
            problem.0.request_id = ctx.attribute(RequestIdLayer::ATTRIBUTE).map(str::to_owned);
        }
        problem.log();
        problem.0.cause = None;
        // It consists of texts and JSON values, which can always be serialised.
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = Self::new(B::from(body));
        *response.status_mut() = problem.status();
        *response.headers_mut() = problem.headers().clone();
        let media_type = HeaderValue::from_static(Problem::MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response.extensions_mut().insert(problem);
        response
    }
}

#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for Problem {
    fn into_response(self) -> axum_core::response::Response {
        self.into()
    }
}
