//! Handlers of many events at once.

use std::fmt;
use std::future::Future;
use std::iter::Map;
use std::marker::PhantomData;
use std::ops::Deref;
use std::slice;
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::{HandlerError, HandlerResult};
use crate::context::Context;
use crate::message::AnyEvent;

/// Reacts to many events of type `E` at once. Register it with `#[events_handler(E, batch(max = 500))]`.
///
/// For work that costs less for many than for each: rows inserted in one transaction, documents sent to an
/// index in one request. One handler may handle many events, each by an impl of its own or all by
/// `impl<E: Event> BatchEventHandler<E>`; a batch holds events of one impl.
/// `#[events_handler(*, batch(max = 500))]` handles [`AnyEvent`].
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
/// That of [`EventHandler`](super::EventHandler) for each item: retries, back-off, dead letters and
/// outcomes are an item's own. And:
///
/// * A batch has 1 to `max` items: what is queued when the handler is free. It does not wait for more.
/// * Its items are of one tenant, and `ctx` is a context of that tenant. With one item it is the item's
///   own; with several it has an id and a correlation of its own and no actor, and
///   [`attempt`](Context::attempt) is the highest of theirs. With `across_tenants`, items are of any
///   tenants, and `ctx` is of the system scope.
/// * What is published or executed because of one item takes [`item.context()`](BatchItem::context), so
///   that tenant, correlation and causation are those of that item.
/// * An item that is [marked](BatchItem::fail) fails, and no other does.
/// * If the batch as a whole returns an error, panics or times out, that is a failed attempt of each item
///   that is not marked; each is then tried again alone, in a batch of one, at once or as
///   [`retry_after`](HandlerError::retry_after) says. So the one to blame fails alone. That attempt is
///   made even where the retry policy has none left.
/// * Events of one entity stand in publish order, and may stand in one batch. Where one is to be tried
///   again, those behind it that are not marked come again after it, whatever was done about them. That
///   is no attempt of theirs. Once one is a dead letter, the next ones go on.
/// * The time-out is for the batch, and so is one attempt of the rate limit. The circuit breaker counts
///   a batch as failed when all of its items failed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle batches of `{E}`",
    label = "there is no `impl BatchEventHandler<{E}> for {Self}`",
    note = "write `impl BatchEventHandler<{E}> for {Self}` with `async fn handle_batch(&self, batch: &Batch<{E}>, ctx: &Context) -> HandlerResult`",
    note = "an `EventHandler` handles events one by one: remove `batch(..)` for that"
)]
pub trait BatchEventHandler<E>: Send + Sync + 'static {
    /// Handles all items of `batch`, of which there is at least one.
    fn handle_batch(
        &self,
        batch: &Batch<E>,
        ctx: &Context,
    ) -> impl Future<Output = HandlerResult> + Send;
}

/// How many events a [`BatchEventHandler`](super::BatchEventHandler) gets at once, and whether tenants are
/// mixed. [`Handler::batches`](crate::Handler::batches) has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    pub(crate) max: usize,
    pub(crate) across_tenants: bool,
}

impl BatchPolicy {
    /// At most `max` events of one tenant at once, 1 to 10,000; less counts as 1, more as 10,000. What
    /// is there is taken at once: batches form by themselves while an earlier one is being handled.
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

    /// Whether there are none, which never happens.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item at `index`, if there are so many.
    pub fn get(&self, index: usize) -> Option<BatchItem<'_, E>> {
        self.items.get(index).map(BatchItem::new)
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

    /// The event's id; see [`AnyEvent::id`]. What a handler remembers to be idempotent.
    pub fn id(&self) -> Uuid {
        self.item.event.id()
    }

    /// The event without its type.
    pub fn as_any(&self) -> &'a AnyEvent {
        &self.item.event
    }

    /// The context of this delivery: the event's tenant, actor and correlation id. What is published or
    /// executed with it is caused by this event, and is admitted as what any handler publishes.
    pub fn context(&self) -> &'a Context {
        &self.item.context
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.item.attempt
    }

    /// Says that this item has failed, while the others go on. The first call counts.
    ///
    /// As an error that a handler returns: it is tried again, unless it is
    /// [`permanent`](HandlerError::permanent).
    pub fn fail(&self, error: impl Into<HandlerError>) {
        let _ = self.item.failure.set(Arc::new(error.into()));
    }

    /// Whether this item is marked as failed.
    pub fn is_failed(&self) -> bool {
        self.item.failure.get().is_some()
    }
}

impl<'a, E: 'static> BatchItem<'a, E> {
    /// The event, for as long as the batch.
    ///
    /// # Panics
    ///
    /// Never: a batch is made of events of its type.
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
#[derive(Clone)]
pub struct Item {
    pub(crate) event: AnyEvent,
    pub(crate) context: Context,
    pub(crate) attempt: u32,
    pub(crate) failure: OnceLock<Arc<HandlerError>>,
}

impl Item {
    /// The event as an `E`, which may be [`AnyEvent`] itself.
    pub(crate) fn event<E: 'static>(&self) -> &E {
        self.event.as_event().expect("events are routed by their type")
    }
}
