//! Handlers of events, typed and type-erased.

use std::future::{Future, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use super::{BoxFuture, HandlerResult, Item};
use crate::context::Context;

/// Reacts to events of type `E`. Write it as an `async fn`; register it with `#[events_handler(..)]`.
///
/// One handler may handle many events, each by an impl of its own or all by
/// `impl<E: Event> EventHandler<E>`. `#[events_handler(*)]` handles
/// [`AnyEvent`](crate::AnyEvent).
///
/// # Contract
///
/// * An error, a panic or a time-out leads to another attempt, by the handler's
///   [`RetryPolicy`](super::RetryPolicy), and at the end to a dead letter. This does not affect the
///   publisher or another handler. A handler may receive an event more than once, so make it idempotent,
///   for instance by remembering `ctx.message_id()`, the event's id.
/// * Events of one order key arrive in publish order, one at a time. Other events may be handled at the
///   same time, in any order.
/// * A handler may be cancelled at an `.await`, at its time-out or when the application stops.
/// * A handler that blocks its thread cannot be cancelled; use [`tokio::task::spawn_blocking`]. A blocking
///   task continues after a time-out, at the same time as the next attempt, so make it idempotent too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{E}`",
    label = "there is no `impl EventHandler<{E}> for {Self}`",
    note = "write `impl EventHandler<{E}> for {Self}` with `async fn handle(&self, event: &{E}, ctx: &Context) -> HandlerResult`",
    note = "a `BatchEventHandler` needs `batch(max = ..)` in the annotation"
)]
pub trait EventHandler<E>: Send + Sync + 'static {
    /// Handles one event. `ctx` has the event's tenant, actor and correlation id. Messages that are
    /// published or executed with it are caused by this event.
    ///
    /// # Errors
    ///
    /// Why the attempt failed. It is followed by another attempt, unless the error is
    /// [`permanent`](super::HandlerError::permanent) or no attempt is left.
    fn handle(&self, event: &E, ctx: &Context) -> impl Future<Output = HandlerResult> + Send;
}

/// A handler of one event or of batches, type-erased.
pub(crate) trait ErasedEventHandler: Send + Sync {
    /// Handles `items`: one event, or one batch.
    fn handle<'a>(
        &'a self,
        items: &'a Arc<Vec<Item>>,
        ctx: &'a Context,
    ) -> BoxFuture<'a, HandlerResult>;
}

/// A route exists for each type and form, so this is a defect of the framework, not of the handler.
pub(super) fn misrouted<'a>() -> BoxFuture<'a, HandlerResult> {
    Box::pin(ready(Err(super::HandlerError::msg("routed to a handler of another event"))))
}

/// `H` as a handler of `E`, or of every event if `E` is [`AnyEvent`].
pub(crate) struct EventShim<H, E> {
    handler: Arc<H>,
    event: PhantomData<fn(E)>,
}

impl<H, E> EventShim<H, E> {
    pub(crate) fn new(handler: Arc<H>) -> Self {
        Self { handler, event: PhantomData }
    }
}

impl<H: EventHandler<E>, E: 'static> ErasedEventHandler for EventShim<H, E> {
    fn handle<'a>(
        &'a self,
        items: &'a Arc<Vec<Item>>,
        ctx: &'a Context,
    ) -> BoxFuture<'a, HandlerResult> {
        match items.first().and_then(|item| item.event.as_event::<E>()) {
            Some(event) => Box::pin(self.handler.handle(event, ctx)),
            None => misrouted(),
        }
    }
}
