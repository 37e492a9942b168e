//! Errors as problem documents ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cqrs_core::ExecuteError;
use cqrs_core::middleware::RejectionKind;
use serde::Serialize;
use utoipa::ToSchema;

use crate::failure::Failure;
use crate::fields::FieldError;

/// The largest body of a request, in bytes, unless a route says otherwise.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// The longest `detail`, in characters; the rest is cut off.
const MAX_DETAIL: usize = 1024;

/// What a client reads when a request failed; `application/problem+json`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says which kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What was wrong, and what to do.
    detail: String,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance: Option<String>,
    /// What the log calls the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
    /// Each wrong field of the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.chars().take(MAX_DETAIL).collect(),
            instance: None,
            request_id: None,
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// 500. The cause goes to the log, never to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        let detail = "the request could not be processed; the log says why, under its request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// 503. The cause goes to the log.
    pub(crate) fn busy(cause: impl std::fmt::Display) -> Self {
        tracing::warn!(%cause, "a request failed");
        let detail = "the server is busy or about to stop; try again in a while";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
    }

    /// Not before so many seconds from now.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Another attempt may succeed, after this long.
    fn later(status: StatusCode, wait: Duration, detail: String) -> Self {
        Self::new(status, detail).retry_after(wait.as_secs().max(1))
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Each wrong field of the input.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The status in words.
    pub fn title(&self) -> &str {
        self.title
    }

    /// What was wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(&self)).into_response();
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, media_type);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // For the outermost layer, which knows the path and the request id.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        match failure {
            Failure::Invalid(errors) => {
                Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
            }
            Failure::NotFound(_) => Self::new(StatusCode::NOT_FOUND, detail),
            Failure::Conflict(_) => Self::new(StatusCode::CONFLICT, detail),
            Failure::Unauthorized(_) => Self::new(StatusCode::UNAUTHORIZED, detail),
            Failure::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, detail),
            Failure::TooMany(wait) => Self::later(StatusCode::TOO_MANY_REQUESTS, wait, detail),
            Failure::Busy(wait) => Self::later(StatusCode::SERVICE_UNAVAILABLE, wait, detail),
            Failure::Database(error) if error.is_busy() => Self::busy(error),
            Failure::Interrupted(cause) => Self::busy(cause),
            Failure::Database(_) | Failure::Publish(_) | Failure::Internal(_) => {
                Self::internal(detail)
            }
        }
    }
}

impl From<ExecuteError<Failure>> for Problem {
    fn from(error: ExecuteError<Failure>) -> Self {
        match error {
            ExecuteError::Handler(failure) => failure.into(),
            ExecuteError::Rejected { rejection, .. } => {
                let status = match rejection.kind() {
                    RejectionKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
                    RejectionKind::Forbidden => StatusCode::FORBIDDEN,
                    RejectionKind::Duplicate => StatusCode::CONFLICT,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                Self::new(status, rejection.reason())
            }
            ExecuteError::TimedOut { .. } | ExecuteError::ShutDown { .. } => Self::busy(error),
            other => Self::internal(other),
        }
    }
}

macro_rules! from_rejections {
    ($($rejection:ty),*) => {$(
        impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                match rejection.status() {
                    status @ StatusCode::PAYLOAD_TOO_LARGE => {
                        let detail = format!("a body of more than {BODY_LIMIT} bytes is not taken here");
                        Self::new(status, detail)
                    }
                    status => Self::new(status, rejection.body_text()),
                }
            }
        }
    )*};
}

from_rejections!(JsonRejection, FormRejection, PathRejection, QueryRejection);
