//! Routes of events: from an event's type to a handler.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Cast, EventAlias, MessageRegistration, Source};
use crate::context::Context;
use crate::handler::{
    Batch, BatchEventHandler, ErasedEventHandler, EventHandler, HandlerError, HandlerResult,
    TransactionalBatchEventHandler, TransactionalEventHandler, typed as typed_transaction,
};
use crate::message::{AnyEvent, Event, Published};
use crate::services::TypeRef;

/// A handler without its type. A route knows the type, and belongs to no other handler.
pub(crate) type AnyHandler = Arc<dyn Any + Send + Sync>;

/// The handler that a route is for.
pub(super) fn typed<H: Send + Sync + 'static>(handler: AnyHandler) -> Arc<H> {
    handler.downcast().expect("a handler is registered with its own routes")
}

/// One event, every event, or the events of a trait, to one handler.
#[derive(Debug, Clone, Copy)]
pub struct EventRoute {
    /// `None` for every event.
    pub(crate) event: Option<MessageRegistration>,
    /// The trait object, as long as the events that have it as an alias are not known.
    pub(crate) alias: Option<fn() -> TypeRef>,
    erase: EraseEvent,
    /// The type of the transaction that the handler writes in.
    pub(crate) transaction: Option<fn() -> TypeRef>,
}

/// How a handler loses its type.
#[derive(Debug, Clone, Copy)]
enum EraseEvent {
    Typed(fn(AnyHandler) -> ErasedEventHandler),
    /// The handler takes a trait object, which the [`Cast`] of the event's alias makes.
    Alias {
        erase: fn(AnyHandler, &'static (dyn Any + Send + Sync)) -> ErasedEventHandler,
        cast: Option<&'static (dyn Any + Send + Sync)>,
    },
}

impl EventRoute {
    /// The route of `E` to `H`.
    pub const fn to<H: EventHandler<E>, E: Event>() -> Self {
        Self::of::<E>(one_by_one::<H, E>)
    }

    /// The route of every event to `H`.
    pub const fn any<H: EventHandler<AnyEvent>>() -> Self {
        Self::of_any(one_by_one::<H, AnyEvent>)
    }

    /// The route of the events that have the alias `T`, a trait object, to `H`.
    pub const fn alias<H: EventHandler<T>, T: ?Sized + Send + Sync + 'static>() -> Self {
        Self::of_alias::<T>(one_as::<H, T>)
    }

    const fn of_alias<T: ?Sized + 'static>(
        erase: fn(AnyHandler, &'static (dyn Any + Send + Sync)) -> ErasedEventHandler,
    ) -> Self {
        let erase = EraseEvent::Alias { erase, cast: None };
        Self { event: None, alias: Some(TypeRef::of::<T>), erase, transaction: None }
    }

    /// The route of one event of a trait.
    pub(crate) fn of_event(self, event: MessageRegistration, alias: &EventAlias) -> Self {
        let erase = match self.erase {
            EraseEvent::Alias { erase, .. } => EraseEvent::Alias { erase, cast: Some(alias.cast) },
            typed @ EraseEvent::Typed(_) => typed,
        };
        Self { event: Some(event), alias: None, erase, ..self }
    }

    /// The handler without its type; `None` if the events of its trait are not known.
    pub(crate) fn erased(&self, handler: AnyHandler) -> Option<ErasedEventHandler> {
        match self.erase {
            EraseEvent::Typed(erase) => Some(erase(handler)),
            EraseEvent::Alias { erase, cast } => Some(erase(handler, cast?)),
        }
    }

    /// The route of batches of `E` to `H`.
    pub const fn batches_to<H: BatchEventHandler<E>, E: Event>() -> Self {
        Self::of::<E>(in_batches::<H, E>)
    }

    /// The route of batches of every event to `H`.
    pub const fn batches_of_any<H: BatchEventHandler<AnyEvent>>() -> Self {
        Self::of_any(in_batches::<H, AnyEvent>)
    }

    /// `E` to the closure `F`.
    pub(super) const fn closure<E, F, Fut>() -> Self
    where
        E: Event,
        F: Fn(Published<E>, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        Self::of::<E>(|handler| {
            let handler = typed::<F>(handler);
            Arc::new(move |items, ctx, _| {
                let event = items[0].event.clone().downcast();
                let event = event.expect("events are routed by their type");
                Box::pin(ctx.clone().into_scope(handler(event, ctx.clone())))
            })
        })
    }

    const fn of<E: Event>(erase: fn(AnyHandler) -> ErasedEventHandler) -> Self {
        let event = MessageRegistration::event::<E>(Source::UNKNOWN);
        Self { event: Some(event), alias: None, erase: EraseEvent::Typed(erase), transaction: None }
    }

    const fn of_any(erase: fn(AnyHandler) -> ErasedEventHandler) -> Self {
        Self { event: None, alias: None, erase: EraseEvent::Typed(erase), transaction: None }
    }
}

/// As [`EventRoute`], to a handler that writes in a transaction of type `T`.
#[derive(Debug)]
pub struct TransactionalRoute<T>(EventRoute, PhantomData<fn() -> T>);

impl<T: 'static> TransactionalRoute<T> {
    /// The route of `E` to `H`.
    pub const fn to<H: TransactionalEventHandler<E, Transaction = T>, E: Event>() -> Self {
        Self::new(EventRoute::of::<E>(one_in_transaction::<H, E>))
    }

    /// The route of every event to `H`.
    pub const fn any<H: TransactionalEventHandler<AnyEvent, Transaction = T>>() -> Self {
        Self::new(EventRoute::of_any(one_in_transaction::<H, AnyEvent>))
    }

    /// The route of the events that have the alias `E`, a trait object, to `H`.
    pub const fn alias<H, E: ?Sized + Send + Sync + 'static>() -> Self
    where
        H: TransactionalEventHandler<E, Transaction = T>,
    {
        Self::new(EventRoute::of_alias::<E>(one_as_in_transaction::<H, E>))
    }

    /// The route of batches of `E` to `H`.
    pub const fn batches_to<H, E>() -> Self
    where
        // First, so that the compiler reports a type that is no event as such.
        E: Event,
        H: TransactionalBatchEventHandler<E, Transaction = T>,
    {
        Self::new(EventRoute::of::<E>(batch_in_transaction::<H, E>))
    }

    /// The route of batches of every event to `H`.
    pub const fn batches_of_any<H>() -> Self
    where
        H: TransactionalBatchEventHandler<AnyEvent, Transaction = T>,
    {
        Self::new(EventRoute::of_any(batch_in_transaction::<H, AnyEvent>))
    }

    /// The routes of one handler, at least one. They have one `T`, because the handler has one store.
    pub const fn all<const N: usize>(routes: &[Self; N]) -> [EventRoute; N] {
        let mut all = [routes[0].0; N];
        let mut at = 1;
        while at < N {
            all[at] = routes[at].0;
            at += 1;
        }
        all
    }

    const fn new(route: EventRoute) -> Self {
        let transaction: fn() -> TypeRef = TypeRef::of::<T>;
        Self(EventRoute { transaction: Some(transaction), ..route }, PhantomData)
    }
}

impl<T> From<TransactionalRoute<T>> for EventRoute {
    fn from(TransactionalRoute(route, _): TransactionalRoute<T>) -> Self {
        route
    }
}

fn one_by_one<H: EventHandler<E>, E: 'static>(handler: AnyHandler) -> ErasedEventHandler {
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx, _| {
        let handler = Arc::clone(&handler);
        let handle = async move { handler.handle(items[0].event(), ctx).await };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

/// The function that makes the trait object `T`.
fn cast_of<T: ?Sized + 'static>(cast: &'static (dyn Any + Send + Sync)) -> &'static Cast<T> {
    cast.downcast_ref().expect("an alias has a cast to its own trait object")
}

fn one_as<H, T>(handler: AnyHandler, cast: &'static (dyn Any + Send + Sync)) -> ErasedEventHandler
where
    H: EventHandler<T>,
    T: ?Sized + Send + Sync + 'static,
{
    let (handler, cast) = (typed::<H>(handler), cast_of::<T>(cast));
    Arc::new(move |items, ctx, _| {
        let handler = Arc::clone(&handler);
        let handle = async move { handler.handle(cast.apply(items[0].event.as_any()), ctx).await };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn one_as_in_transaction<H, T>(
    handler: AnyHandler,
    cast: &'static (dyn Any + Send + Sync),
) -> ErasedEventHandler
where
    H: TransactionalEventHandler<T>,
    T: ?Sized + Send + Sync + 'static,
{
    let (handler, cast) = (typed::<H>(handler), cast_of::<T>(cast));
    Arc::new(move |items, ctx, tx| {
        let handler = Arc::clone(&handler);
        let handle = async move {
            let tx = typed_transaction(tx.ok_or_else(|| HandlerError::msg(NO_TRANSACTION))?);
            handler.handle(cast.apply(items[0].event.as_any()), tx, ctx).await
        };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn in_batches<H: BatchEventHandler<E>, E: 'static>(handler: AnyHandler) -> ErasedEventHandler {
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx, _| {
        let handler = Arc::clone(&handler);
        let handle = async move { handler.handle_batch(&Batch::new(items), ctx).await };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn one_in_transaction<H, E>(handler: AnyHandler) -> ErasedEventHandler
where
    H: TransactionalEventHandler<E>,
    E: 'static,
{
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx, tx| {
        let handler = Arc::clone(&handler);
        let handle = async move {
            let tx = typed_transaction(tx.ok_or_else(|| HandlerError::msg(NO_TRANSACTION))?);
            handler.handle(items[0].event(), tx, ctx).await
        };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn batch_in_transaction<H, E>(handler: AnyHandler) -> ErasedEventHandler
where
    H: TransactionalBatchEventHandler<E>,
    E: 'static,
{
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx, tx| {
        let handler = Arc::clone(&handler);
        let handle = async move {
            let tx = typed_transaction(tx.ok_or_else(|| HandlerError::msg(NO_TRANSACTION))?);
            handler.handle_batch(&Batch::new(items), tx, ctx).await
        };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

/// What the wiring excludes.
pub(super) const NO_TRANSACTION: &str = "the application has no store with transactions";
