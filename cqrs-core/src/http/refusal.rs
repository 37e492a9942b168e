//! Why a request gets no context, as a problem document.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use serde::Serialize;

use super::request_id::RequestId;
use crate::context::{AttributeError, InvalidTenant};

/// The longest `detail`, in characters; the rest is cut off.
const MAX_DETAIL: usize = 1024;
/// The longest path that is repeated as `instance`, in bytes.
const MAX_INSTANCE: usize = 2048;

/// Why a request gets no context. The client reads it as a problem document
/// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)):
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
/// The client sees what you say here, and nothing else. What went wrong inside goes to
/// [`internal`](Self::internal), which logs it and tells the client nothing.
///
/// ```
/// use cqrs_core::Context;
/// use cqrs_core::http::Refusal;
///
/// fn context(session: Option<&str>) -> Result<Context, Refusal> {
///     let tenant = session.ok_or_else(|| Refusal::unauthorized("sign in first"))?;
///     Ok(Context::for_tenant(tenant)?) // 401 when it is no tenant identifier
/// }
/// assert_eq!(context(None).unwrap_err().status(), 401);
/// ```
pub struct Refusal(Box<Problem>);

struct Problem {
    status: StatusCode,
    kind: Cow<'static, str>,
    title: Option<Cow<'static, str>>,
    detail: Option<String>,
    headers: HeaderMap,
    /// For the log, never for the client.
    cause: Option<String>,
}

impl Refusal {
    /// Refuses with this status; `detail` tells the client what to do about it, in at most 1,024
    /// characters. A status that is no error, which would tell the client that all is well, becomes 500.
    pub fn new(status: StatusCode, detail: impl fmt::Display) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        let status = if is_error { status } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self(Box::new(Problem {
            status,
            kind: Cow::Borrowed("about:blank"),
            title: None,
            detail: Some(detail.to_string().chars().take(MAX_DETAIL).collect()),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// 401: it is unknown whose request this is. Asks for `WWW-Authenticate: Bearer`, since every 401
    /// has to ask for something; say otherwise with [`with_header`](Self::with_header).
    pub fn unauthorized(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403: it is known whose request this is, and they may not.
    pub fn forbidden(detail: impl fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 500: something is wrong on this side, such as an unreachable session store. `cause` is logged,
    /// and never sent.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let detail = "the request could not be processed; the log says why, under its request id";
        let mut refusal = Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
        refusal.0.cause = Some(cause.to_string());
        refusal
    }

    /// Names the kind of problem by a URI, and its title, the same for all problems of that kind.
    /// Otherwise the title is the status's own, such as `Unauthorized`.
    pub fn of_type(
        mut self,
        uri: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.kind = uri.into();
        self.0.title = Some(title.into());
        self
    }

    /// Sets a header of the response, such as `Retry-After`, or replaces it.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        // Only a map of 32,768 headers has no room; it has to do without.
        let _ = self.0.headers.try_insert(name, value);
        self
    }

    /// The response's status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What the client is told.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    pub(super) fn log(&self, request_id: &RequestId) {
        let Problem { status, detail, cause, .. } = &*self.0;
        let (status, request_id) = (status.as_u16(), request_id.as_str());
        let (detail, cause) = (detail.as_deref(), cause.as_deref());
        if status >= 500 {
            tracing::error!(status, request_id, detail, cause, "a request got no context");
        } else {
            tracing::debug!(status, request_id, detail, cause, "a request got no context");
        }
    }

    pub(super) fn into_response<B: From<String>>(
        self,
        uri: &Uri,
        request_id: &RequestId,
    ) -> Response<B> {
        let Problem { status, kind, title, detail, headers, .. } = *self.0;
        let path = Some(uri.path()).filter(|path| (1..=MAX_INSTANCE).contains(&path.len()));
        let document = Document {
            kind: &kind,
            title: title.as_deref().or(status.canonical_reason()),
            status: status.as_u16(),
            detail: detail.as_deref(),
            instance: path,
            request_id: request_id.as_str(),
        };
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = Response::new(B::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let json = HeaderValue::from_static("application/problem+json");
        let _ = response.headers_mut().try_insert(header::CONTENT_TYPE, json);
        response
    }
}

/// RFC 9457, section 3.1, and the request id as an extension member.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    request_id: &'a str,
}

impl From<InvalidTenant> for Refusal {
    /// 401. The identifier may come from a token or a look-up, so that the client is not shown it.
    fn from(error: InvalidTenant) -> Self {
        let mut refusal = Self::unauthorized("the request does not name a valid tenant");
        refusal.0.cause = Some(error.to_string());
        refusal
    }
}

impl From<AttributeError> for Refusal {
    /// 500, since which attributes a context gets is this side's choice.
    fn from(error: AttributeError) -> Self {
        Self::internal(error)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.0.status)
            .field("detail", &self.0.detail)
            .field("cause", &self.0.cause)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::context::Context;

    fn respond(refusal: Refusal, uri: &str) -> (Response<String>, Value) {
        let id = RequestId::read_or_make(&HeaderMap::new());
        let response: Response<String> = refusal.into_response(&uri.parse().expect("a URI"), &id);
        let document = serde_json::from_str(response.body()).expect("JSON");
        (response, document)
    }

    #[test]
    fn is_a_problem_document_with_its_own_headers() {
        let retry = HeaderValue::from_static("120");
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "wait two minutes")
            .of_type("https://example.com/problems/quota", "Quota used up")
            .with_header(header::RETRY_AFTER, retry.clone());
        let (response, document) = respond(refusal, "/tasks?token=secret");
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], retry);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let request_id = document["request_id"].clone();
        let expected = json!({
            "type": "https://example.com/problems/quota", "title": "Quota used up", "status": 429,
            "detail": "wait two minutes", "instance": "/tasks", "request_id": request_id,
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn never_tells_the_client_its_cause() {
        let refusals = [
            Refusal::internal("postgres://admin:hunter2@10.0.0.7 refused"),
            Context::for_tenant("hunter2!").expect_err("no tenant").into(),
        ];
        for refusal in refusals {
            assert!(format!("{refusal:?}").contains("hunter2"), "{refusal:?}");
            assert!(!respond(refusal, "/").0.body().contains("hunter2"));
        }
    }

    #[test]
    fn a_401_asks_for_something() {
        let (response, document) = respond(Refusal::unauthorized("who are you?"), "/");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(document["title"], "Unauthorized");
    }

    #[test]
    fn a_status_that_is_no_error_becomes_one() {
        assert_eq!(Refusal::new(StatusCode::OK, "").status(), 500);
        assert_eq!(Refusal::new(StatusCode::FOUND, "").status(), 500);
        assert_eq!(Refusal::forbidden("").status(), 403);
    }

    #[test]
    fn stays_small_whatever_it_is_given() {
        let path = format!("/{}", "x".repeat(10_000));
        let (response, document) = respond(Refusal::unauthorized("ä".repeat(1_000_000)), &path);
        assert!(response.body().len() < 4096);
        assert_eq!(document.get("instance"), None, "a cut-off path is another path");
        let (_, of_everything) = respond(Refusal::unauthorized(""), "*");
        assert_eq!(of_everything["instance"], "*");
    }
}
