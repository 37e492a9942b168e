//! A middleware that is built from services.

use std::sync::{Arc, OnceLock};

use super::chain::{ErasedMiddleware, Middlewares, Wanted};
use super::{Call, Middleware, Next, Outcome, Rejection};
use crate::handler::BoxFuture;
use crate::registry::Source;
use crate::services::{Dependency, Injectable, Services, TypeRef};

/// The middleware `M`, once the application has built its services.
struct Injected<M> {
    source: Source,
    built: OnceLock<Arc<M>>,
}

impl Middlewares {
    /// Adds a middleware that [`build`](Self::build) builds.
    pub(crate) fn and_of<M: Middleware + Injectable>(self, source: Source) -> Self {
        self.with(Arc::new(Injected::<M> { source, built: OnceLock::new() }))
    }
}

impl<M: Middleware + Injectable> ErasedMiddleware for Injected<M> {
    fn type_ref(&self) -> TypeRef {
        TypeRef::of::<M>()
    }

    fn wanted(&self) -> Option<Wanted> {
        Some(Wanted {
            middleware: TypeRef::of::<M>(),
            source: self.source,
            itself: || Dependency::of::<Arc<M>>("itself"),
            dependencies: M::dependencies,
        })
    }

    fn build(&self, services: &Services) {
        let shared = services.get::<Arc<M>>();
        let _ = self.built.set(shared.unwrap_or_else(|| Arc::new(M::inject(services))));
    }

    fn handle<'a>(&'a self, call: &'a mut Call<'_>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        match self.built.get() {
            Some(built) => Box::pin(built.handle(call, next)),
            // No bus accepts anything before.
            None => {
                let reason = "the application is still being built";
                Box::pin(std::future::ready(Err(Rejection::unavailable(reason).into())))
            }
        }
    }
}
