//! The layer around a service.

use std::fmt;
use std::sync::Arc;
use std::task::{self, Poll};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::Refusal;
use super::request_id::RequestId;
use crate::context::{Context, TraceParent};
use crate::handler::BoxFuture;
use crate::runtime::{Panic, catch};

const TRACEPARENT: &str = "traceparent";

type MakeContext =
    dyn for<'r> Fn(&'r Parts) -> BoxFuture<'r, Result<Context, Refusal>> + Send + Sync;

/// Makes one [`Context`] for each request, or refuses the request.
///
/// The context is in the request's extensions, so that an axum handler takes `Extension<Context>`, and it
/// is the [current](Context::current) one while the service runs (not while a streamed body is sent after
/// that). Besides what your function says, it has
///
/// * the request id: `x-request-id`, if one was sent that has 1 to 128 letters, digits and `-_.:+/=`, or
///   else a new uuid. It is the attribute `request_id`, and the correlation id if it is a uuid.
/// * the `traceparent`, if a valid one was sent. Any other is ignored, as W3C Trace Context says; no trace
///   is made up, since that would be for ever unsampled.
///
/// What your function sets itself, correlation id or trace, is kept. Request and response get both as
/// headers, a refused one as well.
///
/// Cloning is cheap. The inner service is called inside a boxed future, one allocation per request.
#[derive(Clone)]
pub struct ContextLayer {
    make: Arc<MakeContext>,
}

impl ContextLayer {
    /// `make` says whose request it is, by headers, URI and extensions, such as a session that an outer
    /// layer has put there.
    ///
    /// Should it panic, the request is answered with a 500 that says nothing of it, and the panic is
    /// logged.
    ///
    /// ```
    /// use cqrs_core::Context;
    /// use cqrs_core::http::{ContextLayer, Refusal};
    ///
    /// #[derive(Clone)]
    /// struct Session { tenant: String }
    ///
    /// let layer = ContextLayer::new(|request| {
    ///     let session = request.extensions.get::<Session>();
    ///     let session = session.ok_or_else(|| Refusal::unauthorized("sign in first"))?;
    ///     Ok(Context::for_tenant(&session.tenant)?)
    /// });
    /// # let _ = layer;
    /// ```
    pub fn new<F>(make: F) -> Self
    where
        F: Fn(&Parts) -> Result<Context, Refusal> + Send + Sync + 'static,
    {
        Self::new_async(move |request| Box::pin(std::future::ready(make(request))))
    }

    /// As [`new`](Self::new), for a function that has to ask somebody. Give what it asks a time-out.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cqrs_core::Context;
    /// use cqrs_core::http::{ContextLayer, Refusal, header};
    ///
    /// # struct Sessions;
    /// # impl Sessions {
    /// #     async fn tenant_of(&self, _: &str) -> std::io::Result<Option<String>> { Ok(None) }
    /// # }
    /// # let sessions = Arc::new(Sessions);
    /// let layer = ContextLayer::new_async(move |request| {
    ///     let sessions = Arc::clone(&sessions);
    ///     Box::pin(async move {
    ///         let token = header(request, "authorization")?;
    ///         let tenant = sessions.tenant_of(token).await.map_err(Refusal::internal)?;
    ///         let tenant = tenant.ok_or_else(|| Refusal::unauthorized("the session has ended"))?;
    ///         Ok(Context::for_tenant(tenant)?)
    ///     })
    /// });
    /// # let _ = layer;
    /// ```
    pub fn new_async<F>(make: F) -> Self
    where
        F: for<'r> Fn(&'r Parts) -> BoxFuture<'r, Result<Context, Refusal>> + Send + Sync + 'static,
    {
        Self { make: Arc::new(make) }
    }
}

impl fmt::Debug for ContextLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService { inner, make: Arc::clone(&self.make) }
    }
}

/// A service whose requests have contexts; made by [`ContextLayer`].
///
/// Its response body must be one that can be made of a `String`, as axum's and `http_body_util::Full` can.
#[derive(Clone)]
pub struct ContextService<S> {
    inner: S,
    make: Arc<MakeContext>,
}

impl<S, B, R> Service<Request<B>> for ContextService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<R>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone waits for its turn; the one that is ready takes this request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let make = Arc::clone(&self.make);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let request_id = RequestId::read_or_make(&parts.headers);
            let traceparent = sent_traceparent(&parts.headers);
            write_request(&mut parts.headers, &request_id, traceparent);

            let ctx = match context(&*make, &parts).await {
                Ok(ctx) => request_id.join(with_trace(ctx, traceparent)),
                Err(refusal) => {
                    refusal.log(&request_id);
                    let mut response = refusal.into_response(&parts.uri, &request_id);
                    write(response.headers_mut(), &request_id, traceparent);
                    return Ok(response);
                }
            };
            let traceparent = ctx.traceparent();
            parts.extensions.insert(ctx.clone());
            let request = Request::from_parts(parts, body);
            let mut response = ctx.scope(async move { inner.call(request).await }).await?;
            write(response.headers_mut(), &request_id, traceparent);
            Ok(response)
        })
    }
}

impl<S: fmt::Debug> fmt::Debug for ContextService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// What the user's function says, or what its panic means for the client.
async fn context(make: &MakeContext, parts: &Parts) -> Result<Context, Refusal> {
    catch(|| make(parts)).await.unwrap_or_else(|Panic(text)| {
        Err(Refusal::internal(format_args!("the function that makes contexts panicked: {text}")))
    })
}

fn with_trace(ctx: Context, sent: Option<TraceParent>) -> Context {
    match (ctx.traceparent(), sent) {
        (None, Some(sent)) => ctx.with_traceparent(sent),
        _ => ctx,
    }
}

/// Of several, none can be trusted to be the right one.
fn sent_traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()?.parse().ok()
}

/// What the service and everybody further in reads. An invalid `traceparent` ends here, and with it the
/// `tracestate` that belongs to it.
fn write_request(
    headers: &mut HeaderMap,
    request_id: &RequestId,
    traceparent: Option<TraceParent>,
) {
    write(headers, request_id, traceparent);
    if traceparent.is_none() {
        headers.remove(TRACEPARENT);
        headers.remove("tracestate");
    }
}

fn write(headers: &mut HeaderMap, request_id: &RequestId, traceparent: Option<TraceParent>) {
    request_id.write(headers);
    let value = traceparent.and_then(|parent| HeaderValue::try_from(parent.to_string()).ok());
    if let Some(value) = value {
        // Only a map of 32,768 headers has no room; it has to do without.
        let _ = headers.try_insert(TRACEPARENT, value);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, poll_fn, ready};

    use super::*;

    /// A service that takes a request only once it has said that it is ready, as tower's limits do.
    #[derive(Debug, Default)]
    struct Strict {
        is_ready: bool,
    }

    impl Clone for Strict {
        fn clone(&self) -> Self {
            Self::default()
        }
    }

    impl Service<Request<String>> for Strict {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = Ready<Result<Response<String>, Infallible>>;

        fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
            self.is_ready = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<String>) -> Self::Future {
            assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
            ready(Ok(Response::new(request.into_body())))
        }
    }

    #[tokio::test]
    async fn the_service_that_said_it_is_ready_is_the_one_that_is_called() {
        let layer = ContextLayer::new(|_| Ok(Context::system()));
        let mut service = layer.layer(Strict::default());
        for _ in 0..2 {
            poll_fn(|cx| service.poll_ready(cx)).await.expect("ready");
            let answer = service.call(Request::new("echo".to_owned())).await.expect("an answer");
            assert_eq!(answer.body(), "echo");
        }
    }
}
