//! What a client reads when something is wrong.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::query::ReadError;

/// A problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), with the name of the query
/// parameter that is wrong as an extension member.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    pub(super) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameter: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let status = status.as_u16();
        Self { kind: "about:blank", title, status, detail: detail.into(), parameter: None }
    }

    /// 400: this parameter cannot be used.
    pub(super) fn parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        let mut problem =
            Self::new(StatusCode::BAD_REQUEST, format!("the parameter `{name}`: {reason}"));
        problem.parameter = Some(name.to_owned());
        problem
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// With the headers that its status calls for.
pub(super) fn explained(mut response: Response) -> Response {
    match response.status() {
        // RFC 9110, section 11.6.1: a 401 has to ask for something.
        StatusCode::UNAUTHORIZED => {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        _ => {}
    }
    response
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Filter(error) => Self::parameter(error.field(), error.reason()),
            ReadError::Cursor(error) => Self::parameter("after", error),
            ReadError::Limit(error) => Self::parameter("limit", error),
            error => {
                // What a database says may name hosts and statements: for the log, never for the client.
                tracing::error!(%error, "the activity log could not be read");
                let detail = "the activity log could not be read; the server's log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        explained(response)
    }
}
