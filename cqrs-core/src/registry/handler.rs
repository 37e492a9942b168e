//! Handlers that exist.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{MessageRegistration, Source};
use crate::handler::{
    BatchEventHandler, BatchPolicy, BatchShim, CommandHandler, ErasedCommandHandler,
    ErasedEventHandler, ErasedQueryHandler, EventHandler, EventShim, HandlerOptions, QueryHandler,
};
use crate::message::{AnyEvent, Command, Event, Query};
use crate::services::TypeRef;
use crate::services::{Dependency, Injectable, MissingService, Services};

/// A handler without its type.
pub(crate) type AnyHandler = Arc<dyn Any + Send + Sync>;

/// A handler and what it handles, as its annotation submits it.
#[derive(Clone)]
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

/// How a handler comes to be.
#[derive(Clone)]
pub(crate) enum Construct {
    Inject(fn(&Services) -> Result<AnyHandler, MissingService>),
    Ready(AnyHandler),
}

#[derive(Clone)]
pub(crate) enum Handles {
    Events(Cow<'static, [EventRoute]>),
    Command(ExecutionRoute),
    Query(ExecutionRoute),
}

impl HandlerRegistration {
    /// `H`, which handles the events of `routes`.
    pub const fn events<H: Injectable>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        routes: &'static [EventRoute],
    ) -> Self {
        Self::injected::<H>(name, source, options, None, Handles::Events(Cow::Borrowed(routes)))
    }

    /// `H`, which handles the events of `routes` in batches.
    pub const fn batches<H: Injectable>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        batch: BatchPolicy,
        routes: &'static [EventRoute],
    ) -> Self {
        let handles = Handles::Events(Cow::Borrowed(routes));
        Self::injected::<H>(name, source, options, Some(batch), handles)
    }

    /// `H`, which executes the command `C`.
    pub const fn command<H, C>(name: &'static str, source: Source, options: HandlerOptions) -> Self
    where
        // First, so that a message of the wrong kind is reported as such.
        C: Command,
        H: Injectable + CommandHandler<C>,
    {
        Self::injected::<H>(
            name,
            source,
            options,
            None,
            Handles::Command(ExecutionRoute::command::<H, C>()),
        )
    }

    /// `H`, which answers the query `Q`.
    pub const fn query<H, Q>(name: &'static str, source: Source, options: HandlerOptions) -> Self
    where
        // First, so that a message of the wrong kind is reported as such.
        Q: Query,
        H: Injectable + QueryHandler<Q>,
    {
        let handles = Handles::Query(ExecutionRoute::query::<H, Q>());
        Self::injected::<H>(name, source, options, None, handles)
    }

    const fn injected<H: Injectable>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        batch: Option<BatchPolicy>,
        handles: Handles,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source,
            options,
            batch,
            handler: TypeRef::of::<H>,
            dependencies: H::dependencies,
            construct: Construct::Inject(|services| Ok(Arc::new(H::inject(services)?))),
            handles,
        }
    }

    pub(crate) fn construct(&self, services: &Services) -> Result<AnyHandler, MissingService> {
        match &self.construct {
            Construct::Inject(inject) => inject(services),
            Construct::Ready(handler) => Ok(Arc::clone(handler)),
        }
    }
}

impl fmt::Debug for HandlerRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerRegistration")
            .field("name", &self.name)
            .field("handler", &(self.handler)())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// One event, or every event, on its way to one handler.
#[derive(Clone, Copy)]
pub struct EventRoute {
    /// `None` stands for every event.
    pub(crate) event: Option<MessageRegistration>,
    pub(crate) erase: fn(AnyHandler) -> Option<Arc<dyn ErasedEventHandler>>,
}

impl EventRoute {
    /// `E` to `H`.
    pub const fn to<H: EventHandler<E>, E: Event>() -> Self {
        Self {
            event: Some(MessageRegistration::event::<E>(Source::UNKNOWN)),
            erase: |handler| Some(Arc::new(EventShim::<H, E>::new(handler.downcast().ok()?))),
        }
    }

    /// Every event to `H`.
    pub const fn any<H: EventHandler<AnyEvent>>() -> Self {
        Self {
            event: None,
            erase: |handler| {
                Some(Arc::new(EventShim::<H, AnyEvent>::new(handler.downcast().ok()?)))
            },
        }
    }

    /// Batches of `E` to `H`.
    pub const fn batches_to<H: BatchEventHandler<E>, E: Event>() -> Self {
        Self {
            event: Some(MessageRegistration::event::<E>(Source::UNKNOWN)),
            erase: |handler| Some(Arc::new(BatchShim::<H, E>::new(handler.downcast().ok()?))),
        }
    }

    /// Batches of every event to `H`.
    pub const fn batches_of_any<H: BatchEventHandler<AnyEvent>>() -> Self {
        Self {
            event: None,
            erase: |handler| {
                Some(Arc::new(BatchShim::<H, AnyEvent>::new(handler.downcast().ok()?)))
            },
        }
    }
}

impl fmt::Debug for EventRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Some(event) => write!(f, "EventRoute({})", (event.message)()),
            None => f.write_str("EventRoute(*)"),
        }
    }
}

/// One command or query on its way to its handler.
#[derive(Clone, Copy)]
pub(crate) struct ExecutionRoute {
    pub(crate) message: MessageRegistration,
    /// Gives an `Arc<dyn ErasedCommandHandler<C>>` or `Arc<dyn ErasedQueryHandler<Q>>` in a box.
    pub(crate) erase: fn(AnyHandler) -> Option<Box<dyn Any + Send + Sync>>,
}

impl ExecutionRoute {
    pub(super) const fn command<H: CommandHandler<C>, C: Command>() -> Self {
        Self {
            message: MessageRegistration::command::<C>(Source::UNKNOWN),
            erase: |handler| {
                let handler: Arc<dyn ErasedCommandHandler<C>> = handler.downcast::<H>().ok()?;
                Some(Box::new(handler))
            },
        }
    }

    pub(super) const fn query<H: QueryHandler<Q>, Q: Query>() -> Self {
        Self {
            message: MessageRegistration::query::<Q>(Source::UNKNOWN),
            erase: |handler| {
                let handler: Arc<dyn ErasedQueryHandler<Q>> = handler.downcast::<H>().ok()?;
                Some(Box::new(handler))
            },
        }
    }
}
