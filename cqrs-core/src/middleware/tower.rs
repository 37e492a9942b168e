//! A tower layer as middleware.

use std::error::Error;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use tokio::sync::oneshot;
use tower_layer::Layer;
use tower_service::Service;

use super::{Call, CallError, Middleware, Next, Outcome, Rejection};
use crate::context::Context;
use crate::handler::BoxFuture;
use crate::message::MessageKind;

/// A tower [`Layer`] as middleware, such as a concurrency limit or load shedding. Feature `tower`.
///
/// The layer sees a [`CallRequest`], not the message. Its error becomes a [`Rejection::unavailable`], so a
/// delivery is attempted again. A layer that repeats requests cannot be used.
///
/// ```
/// use cqrs_core::App;
/// use cqrs_core::middleware::Tower;
///
/// # struct GlobalConcurrencyLimitLayer;
/// # impl GlobalConcurrencyLimitLayer { fn new(_: usize) -> Self { Self } }
/// # impl<S> tower_layer::Layer<S> for GlobalConcurrencyLimitLayer { type Service = S; fn layer(&self, inner: S) -> S { inner } }
/// // use tower::limit::GlobalConcurrencyLimitLayer;
/// let builder = App::builder().middleware(Tower::layer(GlobalConcurrencyLimitLayer::new(64)));
/// # let _ = builder;
/// ```
pub struct Tower<S>(Mutex<S>);

impl<S> Tower<S> {
    /// Puts `layer` around every call. Its service is made once, and cloned for each call.
    pub fn layer<L>(layer: L) -> Self
    where
        L: Layer<Inside, Service = S>,
    {
        Self(Mutex::new(layer.layer(Inside(()))))
    }
}

impl<S> Middleware for Tower<S>
where
    S: Service<CallRequest, Response = ()> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
{
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let mut service = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (begin, has_begun) = oneshot::channel();
        let request = CallRequest {
            kind: call.kind(),
            name: call.name(),
            context: call.context().clone(),
            begin,
        };
        // Runs the layer. The service inside it begins the call and waits for its end.
        let mut around = pin!(async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        });
        let running = async {
            let Ok(end) = has_begun.await else { return pending().await };
            let outcome = next.run(call).await;
            // The layer may have gone in the meantime.
            let _ = end.send(outcome.clone());
            outcome
        };
        tokio::select! {
            biased;
            outcome = running => around.await.map_err(refusal).and(outcome),
            // The layer refuses, or has lost patience: dropping the call cancels it.
            refused = &mut around => refused.map_err(refusal),
        }
    }
}

/// The error of the call. It comes back through the layer, unless the layer replaces it.
fn refusal(error: impl Into<Box<dyn Error + Send + Sync>>) -> CallError {
    match error.into().downcast::<CallError>() {
        Ok(own) => *own,
        Err(other) => Rejection::unavailable(other).into(),
    }
}

/// What a tower layer sees of a call.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallRequest {
    /// Event, command or query.
    pub kind: MessageKind,
    /// The message's stable name.
    pub name: &'static str,
    /// The context that the handler will get.
    pub context: Context,
    begin: oneshot::Sender<oneshot::Sender<Outcome>>,
}

/// The service inside a layer: it begins the call, and ends when the call ends.
#[derive(Debug, Clone)]
pub struct Inside(());

impl Service<CallRequest> for Inside {
    type Response = ();
    type Error = CallError;
    type Future = BoxFuture<'static, Outcome>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Outcome> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: CallRequest) -> Self::Future {
        let (end, ended) = oneshot::channel();
        // If the call has gone, so has `end`.
        let _ = request.begin.send(end);
        Box::pin(async move { ended.await.unwrap_or(Err(CallError::ShutDown)) })
    }
}
