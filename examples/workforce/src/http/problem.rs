//! Failures of this product as problem documents ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).

use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cqrs_http::Problem;
use utoipa::ToSchema;

use crate::failure::Failure;
use crate::fields::FieldError;

/// The largest body of a request, in bytes, unless a route says otherwise.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// The extension member that lists the wrong fields.
pub(super) const ERRORS: &str = "errors";

/// What a client reads when a request failed; `application/problem+json`.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "the API document has its schema; the document itself is a `Problem`")]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: the status says which kind it is.
    #[schema(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What was wrong, and what to do.
    detail: String,
    /// The path of the request.
    instance: Option<String>,
    /// What the log calls the request.
    request_id: Option<String>,
    /// What a program compares, if the request was not refused by its handler.
    code: Option<String>,
    /// Each wrong field of the input.
    errors: Vec<FieldError>,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        match failure {
            Failure::Invalid(errors) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_member(ERRORS, errors)
            }
            Failure::NotFound(_) => Self::new(StatusCode::NOT_FOUND, detail),
            Failure::Conflict(_) => Self::new(StatusCode::CONFLICT, detail),
            Failure::Unauthorized(_) => Self::unauthorized(detail),
            Failure::Forbidden(_) => Self::forbidden(detail),
            Failure::TooMany(wait) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(wait)
            }
            Failure::Busy(wait) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(wait)
            }
            Failure::Database(error) if error.is_busy() => Self::busy(error),
            Failure::Interrupted(cause) => Self::busy(cause),
            Failure::Database(_) | Failure::Publish(_) | Failure::Internal(_) => {
                Self::internal(detail)
            }
        }
    }
}

/// A body, path or query that axum could not read.
#[derive(Debug)]
pub(crate) struct Unreadable(Problem);

impl IntoResponse for Unreadable {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

macro_rules! from_rejections {
    ($($rejection:ty),*) => {$(
        impl From<$rejection> for Unreadable {
            fn from(rejection: $rejection) -> Self {
                Self(match rejection.status() {
                    status @ StatusCode::PAYLOAD_TOO_LARGE => {
                        let detail = format!("a body of more than {BODY_LIMIT} bytes is not taken here");
                        Problem::new(status, detail)
                    }
                    status => Problem::new(status, rejection.body_text()),
                })
            }
        }
    )*};
}

from_rejections!(JsonRejection, FormRejection, PathRejection, QueryRejection);
