//! Routes: from a message's type to its handler.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use super::{MessageRegistration, Source};
use crate::context::Context;
use crate::handler::{
    Batch, BatchEventHandler, CommandHandler, ErasedEventHandler, ErasedExecution, EventHandler,
    HandlerResult, QueryHandler,
};
use crate::message::{AnyEvent, Command, Event, Published, Query};

/// A handler without its type. A route knows the type, and belongs to no other handler.
pub(crate) type AnyHandler = Arc<dyn Any + Send + Sync>;

/// The handler that a route is for.
fn typed<H: Send + Sync + 'static>(handler: AnyHandler) -> Arc<H> {
    handler.downcast().expect("a handler is registered with its own routes")
}

/// One event, or every event, to one handler.
#[derive(Debug, Clone, Copy)]
pub struct EventRoute {
    /// `None` for every event.
    pub(crate) event: Option<MessageRegistration>,
    pub(crate) erase: fn(AnyHandler) -> ErasedEventHandler,
}

impl EventRoute {
    /// The route of `E` to `H`.
    pub const fn to<H: EventHandler<E>, E: Event>() -> Self {
        Self::of::<E>(one_by_one::<H, E>)
    }

    /// The route of every event to `H`.
    pub const fn any<H: EventHandler<AnyEvent>>() -> Self {
        Self { event: None, erase: one_by_one::<H, AnyEvent> }
    }

    /// The route of batches of `E` to `H`.
    pub const fn batches_to<H: BatchEventHandler<E>, E: Event>() -> Self {
        Self::of::<E>(in_batches::<H, E>)
    }

    /// The route of batches of every event to `H`.
    pub const fn batches_of_any<H: BatchEventHandler<AnyEvent>>() -> Self {
        Self { event: None, erase: in_batches::<H, AnyEvent> }
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
            Arc::new(move |items, ctx| {
                let event = items[0].event.clone().downcast();
                let event = event.expect("events are routed by their type");
                Box::pin(ctx.clone().into_scope(handler(event, ctx.clone())))
            })
        })
    }

    const fn of<E: Event>(erase: fn(AnyHandler) -> ErasedEventHandler) -> Self {
        Self { event: Some(MessageRegistration::event::<E>(Source::UNKNOWN)), erase }
    }
}

fn one_by_one<H: EventHandler<E>, E: 'static>(handler: AnyHandler) -> ErasedEventHandler {
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx| {
        let handler = Arc::clone(&handler);
        let handle = async move { handler.handle(items[0].event(), ctx).await };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn in_batches<H: BatchEventHandler<E>, E: 'static>(handler: AnyHandler) -> ErasedEventHandler {
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx| {
        let handler = Arc::clone(&handler);
        let handle = async move { handler.handle_batch(&Batch::new(items), ctx).await };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

/// One command or query to its handler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExecutionRoute {
    pub(crate) message: MessageRegistration,
    /// Gives the [`ErasedExecution`] of the message in a box.
    pub(crate) erase: fn(AnyHandler) -> Box<dyn Any + Send + Sync>,
}

impl ExecutionRoute {
    /// The command `C` to `H`.
    pub(super) const fn command<H: CommandHandler<C>, C: Command>() -> Self {
        Self {
            message: MessageRegistration::command::<C>(Source::UNKNOWN),
            erase: |handler| {
                erased(handler, |handler: Arc<H>, command: C, ctx| async move {
                    handler.execute(command, &ctx).await
                })
            },
        }
    }

    /// The query `Q` to `H`.
    pub(super) const fn query<H: QueryHandler<Q>, Q: Query>() -> Self {
        Self {
            message: MessageRegistration::query::<Q>(Source::UNKNOWN),
            erase: |handler| {
                erased(handler, |handler: Arc<H>, query: Q, ctx| async move {
                    handler.execute(query, &ctx).await
                })
            },
        }
    }

    /// `message`, an `M`, to the closure `F`.
    pub(super) const fn closure<M, F, Fut, T, E>(message: MessageRegistration) -> Self
    where
        M: Send + 'static,
        F: Fn(M, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: 'static,
        E: 'static,
    {
        let erase =
            |handler| erased(handler, |handler: Arc<F>, message: M, ctx| handler(message, ctx));
        Self { message, erase }
    }
}

/// `execute` runs with the message's context as the current one.
fn erased<H, M, Fut, T, E>(
    handler: AnyHandler,
    execute: impl Fn(Arc<H>, M, Context) -> Fut + Copy + Send + Sync + 'static,
) -> Box<dyn Any + Send + Sync>
where
    H: Send + Sync + 'static,
    M: Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: 'static,
    E: 'static,
{
    let handler = typed::<H>(handler);
    let execution: ErasedExecution<M, T, E> = Arc::new(move |message, ctx: Context| {
        let handler = Arc::clone(&handler);
        Box::pin(ctx.clone().into_scope(async move { execute(handler, message, ctx).await }))
    });
    Box::new(execution)
}
