//! A middleware that is built from services.

use std::sync::{Arc, OnceLock};

use super::chain::{ErasedMiddleware, Middlewares};
use super::wanted::Wanted;
use super::{Call, Middleware, Next, Outcome, Rejection};
use crate::handler::BoxFuture;
use crate::registry::Source;
use crate::services::{Dependency, Injectable, Services, TypeRef};

/// An `M` that exists after the application has built its services.
pub(crate) struct Injected<M> {
    source: Source,
    built: OnceLock<Arc<M>>,
}

impl<M: Injectable> Injected<M> {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, built: OnceLock::new() }
    }

    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            middleware: TypeRef::of::<M>(),
            source: self.source,
            itself: || Dependency::of::<Arc<M>>("itself"),
            dependencies: M::dependencies,
        }
    }

    pub(crate) fn build(&self, services: &Services) {
        let shared = services.get::<Arc<M>>();
        let _ = self.built.set(shared.unwrap_or_else(|| Arc::new(M::inject(services))));
    }

    /// Fails before it is built. No bus accepts anything until then.
    pub(crate) fn get(&self) -> Result<&M, Rejection> {
        let built = self.built.get().map(Arc::as_ref);
        built.ok_or_else(|| Rejection::unavailable("the application is still being built"))
    }
}

impl Middlewares {
    /// Adds a middleware that [`build`](Self::build) builds.
    pub(crate) fn and_of<M: Middleware + Injectable>(self, source: Source) -> Self {
        self.with(Arc::new(Injected::<M>::new(source)))
    }
}

impl<M: Middleware + Injectable> ErasedMiddleware for Injected<M> {
    fn type_ref(&self) -> TypeRef {
        TypeRef::of::<M>()
    }

    fn wanted(&self) -> Option<Wanted> {
        Some(self.wanted())
    }

    fn build(&self, services: &Services) {
        self.build(services);
    }

    fn handle<'a>(&'a self, call: &'a mut Call<'_>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { self.get()?.handle(call, next).await })
    }
}
