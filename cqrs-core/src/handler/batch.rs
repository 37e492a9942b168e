//! Handlers of many events at once.

use std::fmt;
use std::future::Future;
use std::iter::Map;
use std::marker::PhantomData;
use std::ops::Deref;
use std::slice;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{HandlerError, HandlerResult};
use crate::context::{Context, WorkGuard};
use crate::message::AnyEvent;

/// Reacts to many events of type `E` at once. Register it with `#[events_handler(E, batch(max = 500))]`.
///
/// For work that costs less if it is done for many events together, such as rows inserted in one
/// transaction. One handler may handle many events, as an [`EventHandler`](super::EventHandler) may; a batch
/// holds events of one impl.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Serialize, Deserialize, Event)]
/// # struct EmployeeCreated { #[event(entity_id)] employee_id: Uuid }
/// # struct Index;
/// # impl Index { fn add(&self, _: Uuid) -> std::io::Result<()> { Ok(()) } }
/// #[events_handler(EmployeeCreated, batch(max = 500))]
/// struct IndexEmployees { index: Arc<Index> }
///
/// impl BatchEventHandler<EmployeeCreated> for IndexEmployees {
///     async fn handle_batch(&self, batch: &Batch<EmployeeCreated>, _ctx: &Context) -> HandlerResult {
///         for item in batch {
///             if let Err(error) = self.index.add(item.employee_id) {
///                 item.fail(error); // this one alone
///             }
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// # Contract
///
/// The contract of [`EventHandler`](super::EventHandler) applies to each item: every item has its own
/// retries, back-off, dead letter and outcome. In addition:
///
/// * A batch has 1 to `max` items: the deliveries that are queued when a worker is free.
/// * Its items are of one tenant, and `ctx` is a context of that tenant. With one item, `ctx` is the item's
///   context. With several, it has new ids and no actor, and its [`attempt`](Context::attempt) is the
///   highest of the items. With `across_tenants`, `ctx` is of the system scope.
/// * Publish and execute with [`item.context()`](BatchItem::context) what one item causes.
/// * If items are [marked](BatchItem::fail) as failed, only those fail.
/// * If the whole batch fails, that is a failed attempt of each item that is not marked. Each of them is
///   then attempted again alone, even if the retry policy allows no more, so that only the item that causes
///   the failure fails again.
/// * Events of one order key are in publish order, and may be in one batch. If one of them is attempted
///   again, the later ones that are not marked are delivered again after it, even if they were handled.
/// * The time-out applies to the batch. The rate limit counts a batch as one attempt. The circuit breaker
///   counts a batch as failed if all of its items failed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle batches of `{E}`",
    label = "there is no `impl BatchEventHandler<{E}> for {Self}`",
    note = "write `impl BatchEventHandler<{E}> for {Self}` with `async fn handle_batch(&self, batch: &Batch<{E}>, ctx: &Context) -> HandlerResult`",
    note = "an `EventHandler` handles events one by one: remove `batch(..)` for that",
    note = "a `TransactionalBatchEventHandler` needs `transactional` in the annotation"
)]
pub trait BatchEventHandler<E>: Send + Sync + 'static {
    /// Handles all items of `batch`, at least one.
    ///
    /// # Errors
    ///
    /// Why the batch failed as a whole: a failed attempt of each item that is not marked.
    fn handle_batch(
        &self,
        batch: &Batch<E>,
        ctx: &Context,
    ) -> impl Future<Output = HandlerResult> + Send;
}

/// How many events a [`BatchEventHandler`] gets at once, and whether tenants are mixed.
/// [`Handler::batches`](crate::Handler::batches) has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchPolicy {
    pub(crate) max: usize,
    pub(crate) across_tenants: bool,
}

impl BatchPolicy {
    /// At most `max` events of one tenant at once, 1 to 10,000; less counts as 1, more as 10,000.
    pub const fn new(max: usize) -> Self {
        Self { max: super::clamp(max, 10_000), across_tenants: false }
    }

    /// Puts events of several tenants into one batch. The handler runs in the system scope then, and
    /// has to keep tenants apart itself.
    pub const fn across_tenants(mut self) -> Self {
        self.across_tenants = true;
        self
    }
}

/// Events that are handled together; at least one.
pub struct Batch<E> {
    items: Arc<Vec<Item>>,
    event: PhantomData<fn() -> E>,
}

impl<E> Batch<E> {
    pub(crate) fn new(items: &Arc<Vec<Item>>) -> Self {
        Self { items: Arc::clone(items), event: PhantomData }
    }

    /// How many items there are: 1 to the handler's `max`.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the batch is empty, which never happens.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All items. Those of one entity are in publish order.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.items.iter().map(BatchItem::new)
    }
}

impl<'a, E> IntoIterator for &'a Batch<E> {
    type Item = BatchItem<'a, E>;
    type IntoIter = Map<slice::Iter<'a, Item>, fn(&'a Item) -> BatchItem<'a, E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<E> fmt::Debug for Batch<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// One event of a [`Batch`]. Derefs to the event.
pub struct BatchItem<'a, E> {
    item: &'a Item,
    event: PhantomData<fn() -> E>,
}

impl<'a, E> BatchItem<'a, E> {
    fn new(item: &'a Item) -> Self {
        Self { item, event: PhantomData }
    }

    /// The event's id; see [`AnyEvent::id`]. A handler can remember it to be idempotent.
    pub fn id(&self) -> Uuid {
        self.item.event.id()
    }

    /// The event without its type.
    pub fn as_any(&self) -> &'a AnyEvent {
        &self.item.event
    }

    /// The context of this delivery, as the handler of a single event gets it; with the item's own
    /// [`attempt`](Context::attempt).
    pub fn context(&self) -> &'a Context {
        self.item.changed.get().unwrap_or(&self.item.context)
    }

    /// Marks this item alone as failed, like a handler that returns this error. The first call counts.
    pub fn fail(&self, error: impl Into<HandlerError>) {
        let _ = self.item.failure.set(Arc::new(error.into()));
    }
}

impl<'a, E: 'static> BatchItem<'a, E> {
    /// The event, borrowed for as long as the batch.
    pub fn event(&self) -> &'a E {
        self.item.event()
    }
}

impl<E: 'static> Deref for BatchItem<'_, E> {
    type Target = E;

    fn deref(&self) -> &E {
        self.event()
    }
}

impl<E> fmt::Debug for BatchItem<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.item.event.fmt(f)
    }
}

/// An event that is handled, alone or in a batch, without its type.
pub struct Item {
    pub(crate) event: AnyEvent,
    pub(crate) context: Context,
    /// The context that a middleware has given it instead.
    pub(crate) changed: OnceLock<Context>,
    pub(crate) order: Option<u64>,
    pub(crate) attempt: u32,
    /// The work of its attempt, from begin to end.
    pub(crate) work: Option<WorkGuard>,
    pub(crate) failure: OnceLock<Arc<HandlerError>>,
}

impl Item {
    pub(crate) fn new(event: AnyEvent, order: Option<u64>, attempt: u32) -> Self {
        let (context, changed, failure) =
            (event.context().clone(), OnceLock::new(), OnceLock::new());
        Self { event, context, changed, order, attempt, work: None, failure }
    }

    /// The event as an `E`, which may be [`AnyEvent`] itself.
    pub(crate) fn event<E: 'static>(&self) -> &E {
        self.event.as_event().expect("events are routed by their type")
    }
}
