//! Handlers of events, typed and type-erased.

use std::future::Future;
use std::sync::Arc;

use super::{AnyTransaction, BoxFuture, HandlerResult, Item};
use crate::context::Context;

/// Reacts to events of type `E`. Write it as an `async fn`; register it with `#[events_handler(..)]`.
///
/// One handler may handle many events, each by an impl of its own or all by
/// `impl<E: Event> EventHandler<E>`. `#[events_handler(*)]` handles [`AnyEvent`](crate::AnyEvent), and
/// `#[events_handler(dyn Trait)]` every event with `#[event(as = dyn Trait)]`.
///
/// # Contract
///
/// * An error, a panic or a time-out leads to another attempt, by the handler's
///   [`RetryPolicy`](super::RetryPolicy), and at the end to a dead letter. This does not affect the
///   publisher or another handler. A handler may receive an event more than once, so make it idempotent,
///   for instance by remembering `ctx.message_id()`, the event's id.
/// * Events of one order key arrive in publish order, one at a time. Other events may be handled at the
///   same time, in any order.
/// * A handler may be cancelled at an `.await`, at its time-out or when the application stops. Blocking work,
///   which cannot be cancelled, belongs in [`tokio::task::spawn_blocking`], and must be idempotent too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{E}`",
    label = "there is no `impl EventHandler<{E}> for {Self}`",
    note = "write `impl EventHandler<{E}> for {Self}` with `async fn handle(&self, event: &{E}, ctx: &Context) -> HandlerResult`",
    note = "a `BatchEventHandler` needs `batch(max = ..)` in the annotation, a `TransactionalEventHandler` needs `transactional`"
)]
pub trait EventHandler<E: ?Sized>: Send + Sync + 'static {
    /// Handles one event. Messages that are published or executed with `ctx` are caused by this event.
    ///
    /// # Errors
    ///
    /// Why the attempt failed. It is followed by another attempt, unless the error is
    /// [`permanent`](super::HandlerError::permanent) or no attempt is left.
    fn handle(&self, event: &E, ctx: &Context) -> impl Future<Output = HandlerResult> + Send;
}

/// A handler of one event, or of batches of it, without its types. It is called with one item, or with one
/// batch, and with the transaction if it writes in one.
pub(crate) type ErasedEventHandler = Arc<
    dyn for<'a> Fn(
            &'a Arc<Vec<Item>>,
            &'a Context,
            Option<AnyTransaction<'a>>,
        ) -> BoxFuture<'a, HandlerResult>
        + Send
        + Sync,
>;
