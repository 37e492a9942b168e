//! Around all routes: every request has a span, every problem says which request it was.

use std::any::Any;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use cqrs_core::Context;
use cqrs_http::RequestIdLayer;
use tracing::{Span, field};

use super::accept::prefers_html;
use super::{Problem, pages};

/// Completes what comes back: which request it was, and the headers of every response.
pub(super) async fn complete(request: Request, next: Next) -> Response {
    let id = request_id(&request).map(str::to_owned);
    let path = request.uri().path().to_owned();
    let is_head = request.method() == Method::HEAD;
    let is_browser = prefers_html(request.headers());

    let mut response = next.run(request).await;
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem = problem.with_instance(&path).with_request_id(id.as_deref().unwrap_or_default());
        // What was added since, such as a cookie or `Allow`, stays.
        let complete = if is_browser { pages::problem(problem) } else { problem.into_response() };
        let added = std::mem::replace(&mut response, complete).into_parts().0.headers;
        keep(&mut response, added, is_head);
        response.extensions_mut().remove::<Problem>();
    }
    protect(response.headers_mut());
    response
}

fn keep(response: &mut Response, added: HeaderMap, is_head: bool) {
    let own = [header::CONTENT_LENGTH, header::CONTENT_TYPE];
    let mut last = None;
    for (name, value) in added {
        last = name.or(last);
        if let Some(name) = last.as_ref().filter(|name| !own.contains(name)) {
            response.headers_mut().insert(name.clone(), value);
        }
    }
    if is_head {
        *response.body_mut() = axum::body::Body::empty();
    }
}

/// Defaults that a page may replace: nothing is loaded from elsewhere, framed, guessed or passed on.
fn protect(headers: &mut HeaderMap) {
    let defaults = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

fn request_id(request: &Request) -> Option<&str> {
    request.headers().get(RequestIdLayer::HEADER)?.to_str().ok()
}

/// The span of one request. The query is left out, since tokens like to be there.
pub(super) fn span(request: &Request) -> Span {
    tracing::info_span!(
        "request",
        method = %request.method(),
        path = request.uri().path(),
        request_id = request_id(request),
        tenant = field::Empty,
    )
}

/// Adds the tenant to the span, once it is known.
pub(super) async fn name_tenant(request: Request, next: Next) -> Response {
    if let Some(ctx) = request.extensions().get::<Context>() {
        Span::current().record("tenant", field::display(ctx.tenant()));
    }
    next.run(request).await
}

/// A panic is answered as any other failure inside.
#[allow(clippy::needless_pass_by_value)] // As the layer wants it.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    Problem::internal(format_args!("a panic: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_that_says_nothing_of_it() {
        let response = panicked(Box::new("the secret is 42".to_owned()));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("request could not be processed") && !text.contains("42"), "{text}");
    }
}
