//! Handlers of events, and their form without types.

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
///   [`RetryPolicy`](super::RetryPolicy), and at the end to a dead letter. Neither the publisher nor
///   another handler notices. So a handler may see an event more than once: let it be idempotent, for
///   instance by remembering `ctx.message_id()`, the event's id.
/// * Events of one entity arrive in publish order, one at a time. All else may run at the same time,
///   in any order.
/// * A handler may be cancelled at an `.await`, when its time-out strikes or the application stops.
/// * A handler that blocks its thread cannot be cancelled; use [`tokio::task::spawn_blocking`]. What runs
///   there goes on after a time-out, beside the next attempt, so let it be idempotent too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{E}`",
    label = "there is no `impl EventHandler<{E}> for {Self}`",
    note = "write `impl EventHandler<{E}> for {Self}` with `async fn handle(&self, event: &{E}, ctx: &Context) -> HandlerResult`",
    note = "a `BatchEventHandler` needs `batch(max = ..)` in the annotation"
)]
pub trait EventHandler<E>: Send + Sync + 'static {
    /// Handles one event. `ctx` has the event's tenant, actor and correlation id; what is published or
    /// executed with it is caused by this event.
    fn handle(&self, event: &E, ctx: &Context) -> impl Future<Output = HandlerResult> + Send;
}

/// A handler of one event, or of batches of it, without its types.
pub(crate) trait ErasedEventHandler: Send + Sync {
    /// Handles `items`, of which there is one, or one batch.
    fn handle<'a>(
        &'a self,
        items: &'a Arc<Vec<Item>>,
        ctx: &'a Context,
    ) -> BoxFuture<'a, HandlerResult>;
}

/// The routes are by type and by form, so this is a defect of the framework, not of the handler.
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
