//! Problem documents: the errors that a client reads.

mod convert;
mod response;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// An error that a client reads: a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)),
/// with the status and the headers of its response.
///
/// ```json
/// {
///   "type": "about:blank",
///   "title": "Unauthorized",
///   "status": 401,
///   "detail": "the header `x-tenant-id` is missing",
///   "instance": "/tasks",
///   "request_id": "0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f"
/// }
/// ```
///
/// The client reads only what you set here. The internal error is the *cause*
/// ([`internal`](Self::internal), [`busy`](Self::busy)), which is logged and never sent.
///
/// A handler of an HTTP request returns it as its error. The errors of the buses become problems by `?`:
/// an [`ExecuteError`](cqrs_core::ExecuteError) if its handler's own error becomes one, a
/// [`PublishError`](cqrs_core::PublishError) always. Those have a `code` that stays the same when texts
/// change.
///
/// ```
/// use cqrs_core::{CommandBus, Context, ExecuteError};
/// use cqrs_http::Problem;
/// use http::StatusCode;
/// # use cqrs_core::Command;
/// # #[derive(Debug, serde::Serialize, serde::Deserialize, Command)]
/// # #[command(error = OutOfStock)]
/// # struct PlaceOrder;
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("{left} are left")]
/// struct OutOfStock { left: u32 }
///
/// impl From<OutOfStock> for Problem {
///     fn from(error: OutOfStock) -> Self {
///         Problem::new(StatusCode::CONFLICT, &error)
///             .of_type("https://example.com/problems/out-of-stock", "Out of stock")
///             .with_member("left", error.left)
///     }
/// }
///
/// async fn place_order(commands: &CommandBus, ctx: &Context) -> Result<(), Problem> {
///     Ok(commands.execute(ctx, PlaceOrder).await?)
/// }
/// # let _ = place_order;
///
/// let problem = Problem::from(ExecuteError::Handler(OutOfStock { left: 2 }));
/// assert_eq!((problem.status().as_u16(), problem.detail()), (409, "2 are left"));
///
/// let problem = Problem::from(ExecuteError::<OutOfStock>::ShutDown { message: "place.order" });
/// assert_eq!((problem.status().as_u16(), problem.code()), (503, Some("shut_down")));
/// ```
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Document>);

/// RFC 9457, section 3.1, with the request id and others as extension members.
#[derive(Debug, Clone, Serialize)]
struct Document {
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(flatten)]
    members: Map<String, Value>,
    #[serde(skip)]
    headers: HeaderMap,
    /// For the log, never for the client.
    #[serde(skip)]
    cause: Option<String>,
}

impl Problem {
    /// The media type of a problem document.
    pub const MEDIA_TYPE: &str = "application/problem+json";
    /// The longest `detail`, in characters; the rest is cut off.
    pub const MAX_DETAIL: usize = 1024;
    /// The longest path that becomes the `instance`, in bytes.
    pub const MAX_INSTANCE: usize = 2048;

    /// A problem with this status; `detail` says what was wrong and what the client can do.
    ///
    /// A 401 has the header `WWW-Authenticate: Bearer`, because every 401 must have such a header;
    /// [`with_header`](Self::with_header) replaces it. A status that is not an error becomes 500.
    pub fn new(status: StatusCode, detail: impl fmt::Display) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        let status = if is_error { status } else { StatusCode::INTERNAL_SERVER_ERROR };
        let mut headers = HeaderMap::new();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Self(Box::new(Document {
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            status,
            detail: detail.to_string().chars().take(Self::MAX_DETAIL).collect(),
            instance: None,
            request_id: None,
            members: Map::new(),
            headers,
            cause: None,
        }))
    }

    /// 401: it is unknown whose request this is.
    pub fn unauthorized(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 403: it is known whose request this is, and the user may not do this.
    pub fn forbidden(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 500: something is wrong in the server, such as an unreachable session store.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let detail = "the request could not be processed; the log says why, under its request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail).caused_by(cause)
    }

    /// 503: the server cannot do this now, but can later. Asks the client to wait for a second.
    pub fn busy(cause: impl fmt::Display) -> Self {
        let detail = "the server is busy or about to stop; try again in a while";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.retry_after(Duration::from_secs(1)).caused_by(cause)
    }

    /// Names the kind of problem by a URI, and its title, the same for all problems of that kind.
    /// Without it, the title is the status's own, such as `Unauthorized`.
    pub fn of_type(
        mut self,
        uri: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.kind = uri.into();
        self.0.title = title.into();
        self
    }

    /// Sets the extension member `code`: what a program compares, such as `too_large`.
    pub fn with_code(self, code: &str) -> Self {
        self.with_member("code", code)
    }

    /// Sets an extension member, such as the list of wrong fields. Its name must not be a member that RFC
    /// 9457 defines.
    ///
    /// # Panics
    ///
    /// If `value` has no JSON form, such as a map whose keys are lists.
    pub fn with_member(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("an extension member has a JSON form");
        self.0.members.insert(name.to_owned(), value);
        self
    }

    /// Sets a header of the response, or replaces it.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Asks the client to wait with the next attempt: `Retry-After`, in seconds, at least one.
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs().max(1);
        self.with_header(header::RETRY_AFTER, seconds.into())
    }

    /// Sets the request's path, without its query, which may contain tokens. A longer path than
    /// [`MAX_INSTANCE`](Self::MAX_INSTANCE) is left out.
    pub fn with_instance(mut self, path: &str) -> Self {
        let fits = (1..=Self::MAX_INSTANCE).contains(&path.len());
        self.0.instance = fits.then(|| path.to_owned());
        self
    }

    /// Sets the request id, as it is in the logs. A problem that a handler of a request returns takes it
    /// from the [current](cqrs_core::Context::current) context.
    pub fn with_request_id(mut self, id: &str) -> Self {
        self.0.request_id = Some(id.to_owned());
        self
    }

    /// Sets the cause of this problem: for the log, never for the client.
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Logs the cause, if there is one. Conversion into a response does this automatically; call it if you
    /// show a problem in another way.
    pub fn log(&self) {
        let Document { status, detail, request_id, cause: Some(cause), .. } = &*self.0 else {
            return;
        };
        let (code, request_id) = (status.as_u16(), request_id.as_deref());
        match *status {
            StatusCode::SERVICE_UNAVAILABLE => {
                tracing::warn!(status = code, request_id, detail, cause, "a request failed");
            }
            status if status.is_server_error() => {
                tracing::error!(status = code, request_id, detail, cause, "a request failed");
            }
            _ => tracing::debug!(status = code, request_id, detail, cause, "a request failed"),
        }
    }

    /// The response's status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The kind of problem in words.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// What was wrong.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What a program compares: the extension member `code`.
    pub fn code(&self) -> Option<&str> {
        self.member("code")?.as_str()
    }

    /// An extension member.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.members.get(name)
    }

    /// The request id, as it is in the logs.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The headers of the response, besides its media type.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }
}

// Serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn as_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
