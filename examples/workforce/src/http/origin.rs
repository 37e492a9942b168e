//! No other site changes anything in a visitor's name.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Problem;

/// Refuses what a browser sends from another site, by what it says itself
/// ([Fetch Metadata](https://www.w3.org/TR/fetch-metadata/), or else `Origin`). Programs send neither.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || is_own(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::FORBIDDEN, "another site may not send this").into_response()
}

fn is_own(headers: &HeaderMap) -> bool {
    let read = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    if let Some(site) = read("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match read("origin") {
        Some(origin) => {
            let origin = origin.parse::<Uri>().ok();
            let authority = origin.as_ref().and_then(Uri::authority).map(Authority::as_str);
            authority.is_some() && authority == read(header::HOST.as_str())
        }
        None => true,
    }
}
