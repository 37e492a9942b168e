//! Middleware around every publish.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use super::PublishError;
use crate::context::Context;
use crate::handler::{BoxFuture, Rejection};
use crate::message::{AnyEvent, Event};
use crate::middleware::{Injected, Wanted};
use crate::registry::Source;
use crate::services::{Injectable, Services, TypeRef};

/// Code that runs around every publish, inside and outside of handlers. It sees the events and their context before the
/// events are accepted, and may refuse them.
///
/// The first one that is added is the outermost. If a handler publishes, the events may still be dropped with the handler's
/// unit of work. If the middleware panics, the publisher panics. If it publishes something itself, it runs around that too.
///
/// ```
/// use cqrs_core::bus::{Publish, PublishMiddleware, PublishNext};
/// use cqrs_core::middleware::Rejection;
/// use cqrs_core::prelude::*;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct InvoiceSent { #[event(entity_id)] invoice: u32 }
///
/// /// Refuses invoices of tenants that use a trial.
/// struct NoTrials;
///
/// impl PublishMiddleware for NoTrials {
///     async fn publish(&self, publish: &mut Publish, next: PublishNext<'_>) -> Result<(), PublishError> {
///         let is_trial = publish.context().attribute("plan") == Some("trial");
///         if is_trial && !publish.events::<InvoiceSent>().is_empty() {
///             return Err(publish.refused(Rejection::forbidden("not in a trial")));
///         }
///         next.run(publish).await
///     }
/// }
///
/// let builder = App::builder().publish_middleware(NoTrials);
/// # let _ = builder;
/// ```
pub trait PublishMiddleware: Send + Sync + 'static {
    /// Runs `next`, with code before and after it. The future may be dropped at any `.await`.
    ///
    /// # Errors
    ///
    /// The error of `next`, or a [refusal](Publish::refused). If `next` has succeeded and an error is returned, the
    /// publisher gets the error, although the events are published.
    fn publish(
        &self,
        publish: &mut Publish,
        next: PublishNext<'_>,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// A publish: of one event, or of the events of one `publish_all`.
pub struct Publish {
    name: &'static str,
    context: Context,
    is_cascade: bool,
    /// An event, or a list of events of one type, until it is published.
    events: Option<Box<dyn Any + Send + Sync>>,
}

impl Publish {
    /// The stable name of the event.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The context of the publisher.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Changes the context from which the events get theirs, such as its tenant or an attribute. The cause, and the
    /// work that the publisher is doing, stay the same.
    pub fn set_context(&mut self, context: Context) {
        self.context = context.continuing(&self.context);
    }

    /// Whether a handler of this application publishes.
    pub fn is_cascade(&self) -> bool {
        self.is_cascade
    }

    /// The events, if they are of type `E`: one, or those of one `publish_all`. Empty after `next`.
    pub fn events<E: Event>(&self) -> &[E] {
        let Some(events) = self.events.as_deref() else { return &[] };
        let read = || events.downcast_ref::<AnyEvent>()?.downcast_ref::<E>();
        let one = events.downcast_ref::<E>().or_else(read).map(std::slice::from_ref);
        one.or_else(|| events.downcast_ref::<Vec<E>>().map(Vec::as_slice)).unwrap_or_default()
    }

    /// The error with which a middleware refuses the publish.
    pub fn refused(&self, rejection: Rejection) -> PublishError {
        PublishError::Rejected { event: self.name, rejection }
    }
}

/// The rest of the chain: the inner middleware and the publish itself.
pub struct PublishNext<'a> {
    rest: &'a [Arc<dyn Erased>],
    innermost: &'a mut dyn Innermost,
}

impl PublishNext<'_> {
    /// Runs the inner middleware and publishes the events.
    ///
    /// # Errors
    ///
    /// The reason why the events were not accepted. No handler gets them then.
    pub async fn run(self, publish: &mut Publish) -> Result<(), PublishError> {
        match self.rest.split_first() {
            Some((middleware, rest)) => {
                middleware.publish(publish, PublishNext { rest, innermost: self.innermost }).await
            }
            None => self.innermost.run(publish).await,
        }
    }
}

/// The publish itself, at the end of the chain.
trait Innermost: Send {
    fn run<'a>(&'a mut self, publish: &'a mut Publish) -> BoxFuture<'a, Result<(), PublishError>>;
}

/// Publishes once, and keeps the result for the publisher.
struct End<F, M, T> {
    publish: Option<F>,
    output: Option<T>,
    events: PhantomData<fn(M)>,
}

impl<F, M, T> Innermost for End<F, M, T>
where
    F: FnOnce(Context, M) -> BoxFuture<'static, Result<T, PublishError>> + Send,
    M: Send + Sync + 'static,
    T: Send,
{
    fn run<'a>(&'a mut self, publish: &'a mut Publish) -> BoxFuture<'a, Result<(), PublishError>> {
        Box::pin(async move {
            let events = publish.events.take().and_then(|events| events.downcast::<M>().ok());
            let (Some(run), Some(events)) = (self.publish.take(), events) else {
                return Err(publish.refused(Rejection::unavailable("it was published before")));
            };
            self.output = Some(run(publish.context.clone(), *events).await?);
            Ok(())
        })
    }
}

/// A [`PublishMiddleware`] without its type.
trait Erased: Send + Sync {
    fn type_ref(&self) -> TypeRef;

    /// What it needs to be built, if the application builds it.
    fn wanted(&self) -> Option<Wanted> {
        None
    }

    /// Builds it, if the application builds it.
    fn build(&self, _: &Services) {}

    fn publish<'a>(
        &'a self,
        publish: &'a mut Publish,
        next: PublishNext<'a>,
    ) -> BoxFuture<'a, Result<(), PublishError>>;
}

impl<M: PublishMiddleware> Erased for M {
    fn type_ref(&self) -> TypeRef {
        TypeRef::of::<M>()
    }

    fn publish<'a>(
        &'a self,
        publish: &'a mut Publish,
        next: PublishNext<'a>,
    ) -> BoxFuture<'a, Result<(), PublishError>> {
        Box::pin(PublishMiddleware::publish(self, publish, next))
    }
}

impl<M: PublishMiddleware + Injectable> Erased for Injected<M> {
    fn type_ref(&self) -> TypeRef {
        TypeRef::of::<M>()
    }

    fn wanted(&self) -> Option<Wanted> {
        Some(self.wanted())
    }

    fn build(&self, services: &Services) {
        self.build(services);
    }

    fn publish<'a>(
        &'a self,
        publish: &'a mut Publish,
        next: PublishNext<'a>,
    ) -> BoxFuture<'a, Result<(), PublishError>> {
        Box::pin(async move {
            let middleware = self.get().map_err(|rejection| publish.refused(rejection))?;
            middleware.publish(publish, next).await
        })
    }
}

/// All middleware around publishing, outermost first.
#[derive(Clone, Default)]
pub(crate) struct PublishMiddlewares(Arc<[Arc<dyn Erased>]>);

impl PublishMiddlewares {
    pub(crate) fn and(self, middleware: impl PublishMiddleware) -> Self {
        self.with(Arc::new(middleware))
    }

    /// Adds a middleware that [`build`](Self::build) builds.
    pub(crate) fn and_of<M: PublishMiddleware + Injectable>(self, source: Source) -> Self {
        self.with(Arc::new(Injected::<M>::new(source)))
    }

    fn with(self, middleware: Arc<dyn Erased>) -> Self {
        Self(self.0.iter().cloned().chain([middleware]).collect())
    }

    /// Their types, outermost first.
    pub(crate) fn types(&self) -> impl Iterator<Item = TypeRef> {
        self.0.iter().map(|middleware| middleware.type_ref())
    }

    pub(crate) fn wanted(&self) -> impl Iterator<Item = Wanted> {
        self.0.iter().filter_map(|middleware| middleware.wanted())
    }

    /// Builds the middleware that is built from services, before the first publish.
    pub(crate) fn build(&self, services: &Services) {
        self.0.iter().for_each(|middleware| middleware.build(services));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs `publish` inside all middleware. `events` are an event, or several of one type, or an [`AnyEvent`]. Returns
    /// also whether `publish` was run.
    pub(super) async fn around<M: Send + Sync + 'static, T: Send>(
        &self,
        name: &'static str,
        context: &Context,
        is_cascade: bool,
        events: M,
        publish: impl FnOnce(Context, M) -> BoxFuture<'static, Result<T, PublishError>> + Send,
    ) -> (Result<T, PublishError>, bool) {
        let events: Option<Box<dyn Any + Send + Sync>> = Some(Box::new(events));
        let mut publishing = Publish { name, context: context.clone(), is_cascade, events };
        let mut end = End { publish: Some(publish), output: None, events: PhantomData };
        let next = PublishNext { rest: &self.0, innermost: &mut end };
        let result = next.run(&mut publishing).await;
        let result = result.and_then(|()| {
            let reason = "a middleware did not publish it";
            end.output.ok_or_else(|| publishing.refused(Rejection::unavailable(reason)))
        });
        (result, end.publish.is_none())
    }
}
