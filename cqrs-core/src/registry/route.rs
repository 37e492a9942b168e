//! Routes: from a message's type to its handler.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{MessageRegistration, Source};
use crate::handler::{
    BatchEventHandler, BatchShim, CommandHandler, ErasedCommandHandler, ErasedEventHandler,
    ErasedQueryHandler, EventHandler, EventShim, QueryHandler,
};
use crate::message::{AnyEvent, Command, Event, Query};

/// A handler, type-erased.
pub(crate) type AnyHandler = Arc<dyn Any + Send + Sync>;

/// The route of one event, or of every event, to one handler.
#[derive(Clone, Copy)]
pub struct EventRoute {
    /// `None` for every event.
    pub(crate) event: Option<MessageRegistration>,
    /// `None` for a handler of another type.
    pub(crate) erase: fn(AnyHandler) -> Option<Arc<dyn ErasedEventHandler>>,
}

impl EventRoute {
    /// The route of `E` to `H`.
    pub const fn to<H: EventHandler<E>, E: Event>() -> Self {
        Self::of::<E>(|handler| Some(Arc::new(EventShim::<H, E>::new(handler.downcast().ok()?))))
    }

    /// The route of every event to `H`.
    pub const fn any<H: EventHandler<AnyEvent>>() -> Self {
        Self {
            event: None,
            erase: |handler| {
                Some(Arc::new(EventShim::<H, AnyEvent>::new(handler.downcast().ok()?)))
            },
        }
    }

    /// The route of batches of `E` to `H`.
    pub const fn batches_to<H: BatchEventHandler<E>, E: Event>() -> Self {
        Self::of::<E>(batches::<H, E>)
    }

    /// The route of batches of every event to `H`.
    pub const fn batches_of_any<H: BatchEventHandler<AnyEvent>>() -> Self {
        Self { event: None, erase: batches::<H, AnyEvent> }
    }

    pub(super) const fn of<E: Event>(
        erase: fn(AnyHandler) -> Option<Arc<dyn ErasedEventHandler>>,
    ) -> Self {
        Self { event: Some(MessageRegistration::event::<E>(Source::UNKNOWN)), erase }
    }
}

fn batches<H: BatchEventHandler<E>, E: 'static>(
    handler: AnyHandler,
) -> Option<Arc<dyn ErasedEventHandler>> {
    Some(Arc::new(BatchShim::<H, E>::new(handler.downcast().ok()?)))
}

impl fmt::Debug for EventRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Some(event) => write!(f, "EventRoute({})", (event.message)()),
            None => f.write_str("EventRoute(*)"),
        }
    }
}

/// The route of one command or query to its handler.
#[derive(Clone, Copy)]
pub(crate) struct ExecutionRoute {
    pub(crate) message: MessageRegistration,
    /// Returns a boxed `Arc<dyn ErasedCommandHandler<C>>` or `Arc<dyn ErasedQueryHandler<Q>>`.
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
