//! What a client reads when something is wrong.

use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use cqrs_http::Problem;

use crate::query::ReadError;

/// The extension member that names a wrong query parameter.
pub(super) const PARAMETER: &str = "parameter";

/// 400: this parameter cannot be used.
pub(super) fn parameter(name: &str, reason: impl fmt::Display) -> Problem {
    let problem =
        Problem::new(StatusCode::BAD_REQUEST, format!("the parameter `{name}`: {reason}"));
    problem.with_member(PARAMETER, name)
}

/// 503: too many do this at once.
pub(super) fn busy(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(Duration::from_secs(5))
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Filter(error) => parameter(error.field(), error.reason()),
            ReadError::Cursor(error) => parameter("after", error),
            ReadError::Limit(error) => parameter("limit", error),
            error => {
                // What a database says may name hosts and statements: for the log, never for the client.
                let detail = "the activity log could not be read; the server's log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail).caused_by(error)
            }
        }
    }
}
