//! Errors of the buses as problems.

use std::fmt;

use cqrs_core::bus::CancelError;
use cqrs_core::context::AttributeError;
use cqrs_core::middleware::{Rejection, RejectionKind, Violation};
use cqrs_core::{ExecuteError, HandlerError, InvalidTenant, PublishError};
use http::StatusCode;
use serde::Serialize;

use super::Problem;

impl<E: Into<Problem> + fmt::Display> From<ExecuteError<E>> for Problem {
    /// The handler's own error converts itself. The other errors have the `code` that spans and metrics
    /// have:
    ///
    /// - 422, 403 or 503, with the reason of the middleware that refused the message. The member `violations` lists its
    ///   violations, as objects with `field`, `code` (if there is one) and `message`
    /// - 422 if its idempotency key was used before, for other content
    /// - 503 if it timed out, or the application is shut down
    /// - 500 for the rest
    fn from(error: ExecuteError<E>) -> Self {
        Self::of_execution(error, Into::into)
    }
}

impl Problem {
    /// As `Problem::from(error)`, for an error type of a handler that cannot convert itself, because the type is in a crate
    /// that knows nothing of HTTP: `of_handler` converts it.
    ///
    /// ```
    /// use cqrs_core::ExecuteError;
    /// use cqrs_http::Problem;
    /// use http::StatusCode;
    ///
    /// fn problem(error: ExecuteError<std::num::ParseIntError>) -> Problem {
    ///     Problem::of_execution(error, |error| Problem::new(StatusCode::BAD_REQUEST, error))
    /// }
    /// ```
    pub fn of_execution<E: fmt::Display>(
        error: ExecuteError<E>,
        of_handler: impl FnOnce(E) -> Self,
    ) -> Self {
        let code = error.error_type();
        let problem = match error {
            ExecuteError::Handler(error) => return of_handler(error),
            ExecuteError::Rejected { rejection, .. } => Self::rejected(&rejection),
            ExecuteError::TimedOut { .. } | ExecuteError::ShutDown { .. } => Self::busy(error),
            error => Self::internal(error),
        };
        problem.with_code(code)
    }

    fn rejected(rejection: &Rejection) -> Self {
        let problem = Self::new(status(rejection), rejection.reason());
        if rejection.violations().is_empty() {
            return problem;
        }
        let violations = rejection.violations().iter();
        let violations = violations.map(|Violation { field, code, reason, .. }| FieldProblem {
            field,
            code: code.as_deref(),
            message: reason,
        });
        problem.with_member("violations", violations.collect::<Vec<_>>())
    }
}

/// A violation in the form for the client.
#[derive(Serialize)]
struct FieldProblem<'a> {
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
}

fn status(rejection: &Rejection) -> StatusCode {
    match rejection.kind() {
        RejectionKind::Invalid | RejectionKind::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        RejectionKind::Forbidden => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<PublishError> for Problem {
    /// A refusal of a middleware as for a command; 413 for a payload that is too large; 422 for a payload that is nested too
    /// deeply; 503 if the application is shut down or its store is away; 500 for the rest. The `code` is that of spans and
    /// metrics.
    fn from(error: PublishError) -> Self {
        let code = error.error_type();
        let problem = match error {
            PublishError::TooLarge { size, limit, .. } => {
                let detail =
                    format!("this is {size} bytes of data, and at most {limit} are accepted");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail).caused_by(error)
            }
            PublishError::TooDeep { limit, .. } => {
                let detail = format!("the data is nested deeper than {limit} levels");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).caused_by(error)
            }
            PublishError::Rejected { rejection, .. } => Self::rejected(&rejection),
            PublishError::ShutDown { .. } => Self::busy(error),
            PublishError::NotStored { error: ref why, .. } if why.is_temporary() => {
                Self::busy(error)
            }
            error => Self::internal(error),
        };
        problem.with_code(code)
    }
}

impl From<CancelError> for Problem {
    /// 503 if the application is shut down or its store is away, and 500 for the rest.
    fn from(error: CancelError) -> Self {
        let code = error.error_type();
        let problem = match &error {
            CancelError::ShutDown => Self::busy(error),
            CancelError::Store(why) if why.is_temporary() => Self::busy(error),
            _ => Self::internal(error),
        };
        problem.with_code(code)
    }
}

impl From<HandlerError> for Problem {
    /// 500: the text of an untyped error is only for the log.
    fn from(error: HandlerError) -> Self {
        Self::internal(error)
    }
}

impl From<InvalidTenant> for Problem {
    /// 401. The identifier may come from a token or a look-up, so it is not sent to the client.
    fn from(error: InvalidTenant) -> Self {
        Self::unauthorized("the request does not name a valid tenant").caused_by(error)
    }
}

impl From<AttributeError> for Problem {
    /// 500, because the server chooses the attributes of a context.
    fn from(error: AttributeError) -> Self {
        Self::internal(error)
    }
}
