//! The registration of handlers.

use std::borrow::Cow;
use std::sync::Arc;

use super::{AnyHandler, EventRoute, ExecutionRoute, MessageRegistration, Source};
use crate::handler::{BatchPolicy, CommandHandler, HandlerOptions, QueryHandler};
use crate::message::{Command, MessageKind, Query};
use crate::services::{Dependency, Injectable, Services, TypeRef};

/// A handler and what it handles, as its annotation submits it.
#[derive(Debug, Clone)]
pub struct HandlerRegistration {
    pub(crate) name: Cow<'static, str>,
    pub(crate) source: Source,
    pub(crate) options: HandlerOptions,
    /// For a handler of batches.
    pub(crate) batch: Option<BatchPolicy>,
    pub(crate) handler: fn() -> TypeRef,
    pub(crate) dependencies: fn() -> Vec<Dependency>,
    pub(crate) construct: Construct,
    pub(crate) handles: Handles,
}

inventory::collect!(HandlerRegistration);

/// How a handler is made.
#[derive(Debug, Clone)]
pub(crate) enum Construct {
    Inject(fn(&Services) -> AnyHandler),
    Ready(AnyHandler),
}

#[derive(Debug, Clone)]
pub(crate) enum Handles {
    Events(Cow<'static, [EventRoute]>),
    /// Of a command or a query.
    Execution(ExecutionRoute),
}

impl HandlerRegistration {
    /// `H`, which handles the events of `routes`: in batches, if they are routes of batches.
    pub const fn events<H: Injectable>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        batch: Option<BatchPolicy>,
        routes: &'static [EventRoute],
    ) -> Self {
        let handles = Handles::Events(Cow::Borrowed(routes));
        let mut registration = Self::injected::<H>(name, source, options, handles);
        registration.batch = batch;
        registration
    }

    /// `H`, which executes the command `C`.
    pub const fn command<H, C>(name: &'static str, source: Source, options: HandlerOptions) -> Self
    where
        // First, so that the compiler reports a message of the wrong kind as such.
        C: Command,
        H: Injectable + CommandHandler<C>,
    {
        let handles = Handles::Execution(ExecutionRoute::command::<H, C>());
        Self::injected::<H>(name, source, options, handles)
    }

    /// `H`, which answers the query `Q`.
    pub const fn query<H, Q>(name: &'static str, source: Source, options: HandlerOptions) -> Self
    where
        // First, so that the compiler reports a message of the wrong kind as such.
        Q: Query,
        H: Injectable + QueryHandler<Q>,
    {
        let handles = Handles::Execution(ExecutionRoute::query::<H, Q>());
        Self::injected::<H>(name, source, options, handles)
    }

    const fn injected<H: Injectable>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        handles: Handles,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source,
            options,
            batch: None,
            handler: TypeRef::of::<H>,
            dependencies: H::dependencies,
            construct: Construct::Inject(|services| Arc::new(H::inject(services))),
            handles,
        }
    }

    pub(crate) fn construct(&self, services: &Services) -> AnyHandler {
        match &self.construct {
            Construct::Inject(inject) => inject(services),
            Construct::Ready(handler) => Arc::clone(handler),
        }
    }

    pub(crate) fn kind(&self) -> MessageKind {
        match &self.handles {
            Handles::Events(_) => MessageKind::Event,
            Handles::Execution(route) => route.message.kind,
        }
    }

    /// The messages that the handler names.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &MessageRegistration> {
        let (events, execution) = match &self.handles {
            Handles::Events(routes) => (&routes[..], None),
            Handles::Execution(route) => (&[][..], Some(&route.message)),
        };
        events.iter().filter_map(|route| route.event.as_ref()).chain(execution)
    }
}
