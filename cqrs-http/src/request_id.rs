//! The request id, which client and server can log.

use std::task::{self, Poll};

use cqrs_core::Context;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower_http::request_id::{MakeRequestId, PropagateRequestId, RequestId, SetRequestId};
use tower_layer::Layer;
use tower_service::Service;
use uuid::Uuid;

/// Gives each request an id, with the parts of [`tower_http::request_id`].
///
/// The id is the header `x-request-id`, if it was sent once and has 1 to 128 letters, digits and `-_.:+/=`,
/// which are safe in headers, log lines and attributes. Otherwise it is a new uuid v7. Inner services find
/// it in the request's header and as [`RequestId`] in its extensions. The client finds it in the response's
/// header.
///
/// [`ContextLayer`](crate::ContextLayer) includes this layer. Add it separately around layers that need the
/// id before a context exists, such as a layer for spans; the inner layer then keeps the id.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestIdLayer;

impl RequestIdLayer {
    /// The header that holds the request id.
    pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
    /// The context's attribute that holds the request id.
    pub const ATTRIBUTE: &str = "request_id";
    /// The longest request id that is accepted, in bytes.
    pub const MAX_LENGTH: usize = 128;
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestIdService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let inner = PropagateRequestId::x_request_id(inner);
        RequestIdService(SetRequestId::x_request_id(inner, MakeUuid))
    }
}

/// A service whose requests have ids; made by [`RequestIdLayer`].
#[derive(Debug, Clone)]
pub struct RequestIdService<S>(Inner<S>);

type Inner<S> = SetRequestId<PropagateRequestId<S>, MakeUuid>;

impl<S, B, R> Service<Request<B>> for RequestIdService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = <PropagateRequestId<S> as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Makes an id if the request has none.
        if !is_acceptable(request.headers()) {
            request.headers_mut().remove(RequestIdLayer::HEADER);
        }
        self.0.call(request)
    }
}

fn is_acceptable(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(RequestIdLayer::HEADER).iter();
    let (Some(id), None) = (values.next(), values.next()) else { return false };
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte);
    (1..=RequestIdLayer::MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(is_safe)
}

/// Uuids v7, which sort by time.
#[derive(Debug, Clone, Copy)]
struct MakeUuid;

impl MakeRequestId for MakeUuid {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        HeaderValue::try_from(Uuid::now_v7().to_string()).ok().map(RequestId::new)
    }
}

/// The id that the layer has inserted into a request.
pub(crate) fn of(extensions: &Extensions) -> Option<&str> {
    extensions.get::<RequestId>()?.header_value().to_str().ok()
}

/// Adds the id to `ctx`: as an attribute, and as the correlation id if it is a uuid, unless the context
/// continues another correlation.
pub(crate) fn join(id: &str, mut ctx: Context) -> Context {
    // The nil and the max uuid mean "none": with them, unrelated requests would be correlated.
    let uuid = Uuid::try_parse(id).ok().filter(|uuid| !uuid.is_nil() && !uuid.is_max());
    if let Some(uuid) = uuid
        && ctx.correlation_id() == ctx.message_id()
    {
        ctx = ctx.with_correlation_id(uuid);
    }
    match ctx.clone().with_attribute(RequestIdLayer::ATTRIBUTE, id) {
        Ok(ctx) => ctx,
        Err(error) => {
            tracing::warn!(request_id = id, %error, "a context has no room for its request id");
            ctx
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_the_correlation_id_unless_the_user_continues_another() {
        let sent = Uuid::from_u128(7);
        let ctx = join(&sent.to_string(), Context::system());
        assert_eq!(ctx.correlation_id(), sent);
        assert_eq!(ctx.attribute(RequestIdLayer::ATTRIBUTE), Some(&*sent.to_string()));

        let continued = Context::system().with_correlation_id(Uuid::from_u128(8));
        assert_eq!(join(&sent.to_string(), continued).correlation_id(), Uuid::from_u128(8));
        for no_correlation in ["abc", "00000000-0000-0000-0000-000000000000"] {
            let ctx = join(no_correlation, Context::system());
            assert_eq!(ctx.correlation_id(), ctx.message_id(), "{no_correlation}");
        }
    }

    #[test]
    fn a_context_full_of_attributes_goes_without_its_request_id() {
        let mut ctx = Context::system();
        for key in 0..cqrs_core::Context::MAX_ATTRIBUTES {
            ctx = ctx.with_attribute(format!("key-{key}"), "").expect("room");
        }
        assert_eq!(join("abc", ctx).attribute(RequestIdLayer::ATTRIBUTE), None);
    }
}
