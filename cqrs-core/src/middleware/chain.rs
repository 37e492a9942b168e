//! The chain of middleware around a handler.

use std::sync::Arc;

use super::wanted::Wanted;
use super::{Call, Middleware, Outcome};
use crate::handler::BoxFuture;
use crate::services::{Services, TypeRef};

/// The rest of the chain: the inner middleware and the handler.
///
/// A clone can run again, for a command or query whose message was set again by [`Call::set_message`].
#[derive(Clone)]
pub struct Next<'a> {
    rest: &'a [Arc<dyn ErasedMiddleware>],
    innermost: &'a dyn Innermost,
}

impl Next<'_> {
    /// Runs the inner middleware and the handler.
    ///
    /// # Errors
    ///
    /// The reason why the handler failed, or the refusal of an inner middleware. [`Call::error`] is the handler's own
    /// error.
    pub async fn run(self, call: &mut Call<'_>) -> Outcome {
        match self.rest.split_first() {
            Some((middleware, rest)) => {
                middleware.handle(call, Next { rest, innermost: self.innermost }).await
            }
            None => self.innermost.run(call).await,
        }
    }
}

/// The handler, at the end of the chain.
pub(crate) trait Innermost: Send + Sync {
    fn run<'a>(&'a self, call: &'a mut Call<'_>) -> BoxFuture<'a, Outcome>;
}

/// A [`Middleware`], type-erased.
pub(super) trait ErasedMiddleware: Send + Sync {
    fn type_ref(&self) -> TypeRef;

    /// What it needs to be built, if the application builds it.
    fn wanted(&self) -> Option<Wanted> {
        None
    }

    /// Builds it, if the application builds it.
    fn build(&self, _: &Services) {}

    fn handle<'a>(&'a self, call: &'a mut Call<'_>, next: Next<'a>) -> BoxFuture<'a, Outcome>;
}

impl<M: Middleware> ErasedMiddleware for M {
    fn type_ref(&self) -> TypeRef {
        TypeRef::of::<M>()
    }

    fn handle<'a>(&'a self, call: &'a mut Call<'_>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(Middleware::handle(self, call, next))
    }
}

/// All middleware of an application, outermost first.
#[derive(Clone, Default)]
pub(crate) struct Middlewares(Arc<[Arc<dyn ErasedMiddleware>]>);

impl Middlewares {
    pub(crate) fn and(self, middleware: impl Middleware) -> Self {
        self.with(Arc::new(middleware))
    }

    pub(super) fn with(self, middleware: Arc<dyn ErasedMiddleware>) -> Self {
        Self(self.0.iter().cloned().chain([middleware]).collect())
    }

    /// The middleware that [`build`](Self::build) builds.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = Wanted> {
        self.0.iter().filter_map(|middleware| middleware.wanted())
    }

    /// Builds the middleware that is built from services, before the first call.
    pub(crate) fn build(&self, services: &Services) {
        self.0.iter().for_each(|middleware| middleware.build(services));
    }

    /// Their types, outermost first.
    pub(crate) fn types(&self) -> impl Iterator<Item = TypeRef> {
        self.0.iter().map(|middleware| middleware.type_ref())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) async fn run(&self, call: &mut Call<'_>, innermost: &dyn Innermost) -> Outcome {
        Next { rest: &self.0, innermost }.run(call).await
    }
}
