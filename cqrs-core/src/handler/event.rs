//! Handlers of events, and their form without types.

use std::future::Future;
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

/// A handler of one event, or of batches of it, without its types. It is called with one item, or with one
/// batch.
pub(crate) type ErasedEventHandler = Arc<
    dyn for<'a> Fn(&'a Arc<Vec<Item>>, &'a Context) -> BoxFuture<'a, HandlerResult> + Send + Sync,
>;
