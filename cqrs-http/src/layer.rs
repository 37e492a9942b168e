//! The layer that gives each request its context.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{self, Poll};

use cqrs_core::context::{IdempotencyKey, TraceParent};
use cqrs_core::{BoxFuture, Context};
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::Problem;
use crate::request_id::{self, RequestIdLayer, RequestIdService};

const TRACEPARENT: &str = "traceparent";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

type MakeContext =
    dyn for<'r> Fn(&'r Parts) -> BoxFuture<'r, Result<Context, Problem>> + Send + Sync;

/// Makes one [`Context`] for each request, or refuses the request.
///
/// The context is in the request's extensions, so that an axum handler takes `Extension<Context>`. It is
/// also the [current](Context::current) one while the service runs (but not while a streamed body is sent
/// afterwards). To the context of your function, the layer adds
///
/// * the request id, as [`RequestIdLayer`] accepts or makes it: as the attribute `request_id`, and as the
///   correlation id if it is a uuid.
/// * the `traceparent`, if a valid one was sent. Any other is ignored, as W3C Trace Context says. The layer
///   never starts a trace itself, because no tracer would sample it.
///
/// A correlation id or trace that your function sets is kept. Request and response have both as headers,
/// also when the request is refused.
///
/// Cloning is cheap. The inner service is called inside a boxed future, one allocation per request.
#[derive(Clone)]
pub struct ContextLayer {
    make: Arc<MakeContext>,
    reads_keys: bool,
}

impl ContextLayer {
    /// `make` finds out whose request it is, from headers, URI and extensions, such as a session that an
    /// outer layer has inserted.
    ///
    /// If it panics, the request is answered with a 500 that does not repeat the panic, which is logged.
    ///
    /// ```
    /// use cqrs_core::Context;
    /// use cqrs_http::{ContextLayer, Problem};
    ///
    /// #[derive(Clone)]
    /// struct Session { tenant: String }
    ///
    /// let layer = ContextLayer::new(|request| {
    ///     let session = request.extensions.get::<Session>();
    ///     let session = session.ok_or_else(|| Problem::unauthorized("sign in first"))?;
    ///     Ok(Context::for_tenant(&session.tenant)?)
    /// });
    /// # let _ = layer;
    /// ```
    pub fn new<F>(make: F) -> Self
    where
        F: Fn(&Parts) -> Result<Context, Problem> + Send + Sync + 'static,
    {
        Self::new_async(move |request| Box::pin(std::future::ready(make(request))))
    }

    /// As [`new`](Self::new), for an asynchronous function, for example one that reads a session store.
    /// Give such a call a time-out.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cqrs_core::Context;
    /// use cqrs_http::{ContextLayer, Problem, header};
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
    ///         let tenant = sessions.tenant_of(token).await.map_err(Problem::internal)?;
    ///         let tenant = tenant.ok_or_else(|| Problem::unauthorized("the session has ended"))?;
    ///         Ok(Context::for_tenant(tenant)?)
    ///     })
    /// });
    /// # let _ = layer;
    /// ```
    pub fn new_async<F>(make: F) -> Self
    where
        F: for<'r> Fn(&'r Parts) -> BoxFuture<'r, Result<Context, Problem>> + Send + Sync + 'static,
    {
        Self { make: Arc::new(make), reads_keys: false }
    }

    /// Also reads the header `Idempotency-Key` into the context, so that a client that did not get the answer can send its
    /// request again: a command with `#[command(idempotent)]` is executed once for each key, tenant and actor, and gives its
    /// first output again. Without the header, nothing changes.
    ///
    /// A header that is sent twice, or is no [`IdempotencyKey`], is answered with a 400. The key is compared as it was
    /// sent, quotes included. A key that your function sets is kept.
    ///
    /// ```
    /// use cqrs_core::{Actor, Context};
    /// use cqrs_http::{ContextLayer, header};
    ///
    /// let layer = ContextLayer::new(|request| {
    ///     let user = Actor::user(header(request, "x-user-id")?);
    ///     Ok(Context::for_tenant(header(request, "x-tenant-id")?)?.with_actor(user))
    /// })
    /// .idempotency_keys();
    /// # let _ = layer;
    /// ```
    pub fn idempotency_keys(mut self) -> Self {
        self.reads_keys = true;
        self
    }
}

impl fmt::Debug for ContextLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = RequestIdService<ContextService<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestIdLayer.layer(ContextService { inner, layer: self.clone() })
    }
}

/// A service whose requests have contexts; made by [`ContextLayer`].
///
/// Its response body must be one that can be made of a `String`, such as axum's and `http_body_util::Full`.
#[derive(Clone)]
pub struct ContextService<S> {
    inner: S,
    layer: ContextLayer,
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
        // This request uses the service that is ready, because its clone may not be ready.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let sent = sent_traceparent(&parts.headers);
            if sent.is_none() {
                // The `tracestate` belongs to the `traceparent`.
                parts.headers.remove(TRACEPARENT);
                parts.headers.remove("tracestate");
            }
            let (mut response, trace) = match context(&layer, &parts).await {
                Ok(ctx) => {
                    let ctx = joined(ctx, request_id::of(&parts.extensions), sent);
                    let trace = ctx.traceparent();
                    parts.extensions.insert(ctx.clone());
                    let request = Request::from_parts(parts, body);
                    (ctx.scope(async move { inner.call(request).await }).await?, trace)
                }
                Err(mut problem) => {
                    problem = problem.with_instance(parts.uri.path());
                    if let Some(id) = request_id::of(&parts.extensions) {
                        problem = problem.with_request_id(id);
                    }
                    (problem.into(), sent)
                }
            };
            if let Some(value) = trace.and_then(|it| HeaderValue::try_from(it.to_string()).ok()) {
                response.headers_mut().insert(TRACEPARENT, value);
            }
            Ok(response)
        })
    }
}

impl<S: fmt::Debug> fmt::Debug for ContextService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// The context that the user's function makes, or its refusal. A panic is a refusal too.
async fn context(layer: &ContextLayer, parts: &Parts) -> Result<Context, Problem> {
    // Inside the block, so that a panic before the function gives its future is caught as well.
    let result = AssertUnwindSafe(async { (layer.make)(parts).await }).catch_unwind().await;
    let ctx = result.unwrap_or_else(|panic| {
        let text = panic_text(&*panic);
        Err(Problem::internal(format_args!("the function that makes contexts panicked: {text}")))
    })?;
    match sent_key(&parts.headers) {
        Some(key) if layer.reads_keys && ctx.idempotency_key().is_none() => {
            Ok(ctx.with_idempotency_key(key?))
        }
        _ => Ok(ctx),
    }
}

/// If there are several values, a proxy may have checked another one than the application would use.
fn sent_key(headers: &HeaderMap) -> Option<Result<IdempotencyKey, Problem>> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let invalid = |detail: &dyn fmt::Display| Problem::new(StatusCode::BAD_REQUEST, detail);
    let (key, None) = (values.next()?, values.next()) else {
        let detail = format!("the header `{IDEMPOTENCY_KEY}` was sent more than once");
        return Some(Err(invalid(&detail)));
    };
    // What is not UTF-8 is not ASCII either.
    let key = IdempotencyKey::new(String::from_utf8_lossy(key.as_bytes()));
    Some(key.map_err(|error| invalid(&error)))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text")
}

/// If there are several values, it is unknown which one is right, so none is used.
fn sent_traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()?.parse().ok()
}

fn joined(ctx: Context, request_id: Option<&str>, sent: Option<TraceParent>) -> Context {
    let ctx = match (ctx.traceparent(), sent) {
        (None, Some(sent)) => ctx.with_traceparent(sent),
        _ => ctx,
    };
    match request_id {
        Some(id) => request_id::join(id, ctx),
        None => ctx,
    }
}
