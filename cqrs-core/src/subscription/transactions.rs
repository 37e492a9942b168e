//! The transactions in which handlers write: what they publish and that they are done commits with them.

use std::any::Any;
use std::error::Error;
use std::sync::Arc;

use uuid::Uuid;

use super::codec::Codec;
use super::slice::{Slice, position};
use crate::context::{Effect, TenantId};
use crate::handler::{AnyTransaction, BoxFuture, HandlerError, OpenTransaction, Transactions};
use crate::lane::{Deferred, Publishes};
use crate::log::{Executed, ExecutionKey, Position, Store, Unit, Units};
use crate::message::AnyEvent;

/// The transactions of a store.
pub(crate) struct StoreTransactions {
    store: Arc<dyn Store>,
    codec: Arc<Codec>,
}

impl StoreTransactions {
    /// `None` if users cannot write in the store.
    pub(crate) fn of(store: &Arc<dyn Store>, codec: &Arc<Codec>) -> Option<Arc<dyn Transactions>> {
        store.units()?;
        Some(Arc::new(Self { store: Arc::clone(store), codec: Arc::clone(codec) }))
    }
}

impl Transactions for StoreTransactions {
    fn begin<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
    ) -> BoxFuture<'a, Result<Box<dyn OpenTransaction>, HandlerError>> {
        Box::pin(async move {
            let units: &dyn Units = self.store.units().ok_or_else(no_units)?;
            let unit = units.begin(tenant).await?;
            let codec = Arc::clone(&self.codec);
            let open = Open {
                unit,
                codec,
                published: Vec::new(),
                has_scheduled: false,
                publisher: None,
                done: Vec::new(),
            };
            Ok(Box::new(open) as _)
        })
    }

    fn is_conflict(&self, error: &(dyn Error + 'static)) -> bool {
        let Some(units) = self.store.units() else { return false };
        let mut causes = std::iter::successors(Some(error), |&error| error.source());
        causes.any(|error| units.is_conflict(error))
    }
}

fn no_units() -> HandlerError {
    HandlerError::msg("the store has no transactions")
}

struct Open {
    unit: Box<dyn Unit>,
    codec: Arc<Codec>,
    published: Vec<AnyEvent>,
    has_scheduled: bool,
    /// Is told of both, if there are any.
    publisher: Option<Arc<dyn Publishes>>,
    /// The deliveries that are done when it commits.
    done: Vec<(Arc<Slice>, Position, Uuid)>,
}

impl OpenTransaction for Open {
    fn transaction(&mut self) -> AnyTransaction<'_> {
        self.unit.transaction()
    }

    fn publish(
        &mut self,
        effects: Vec<Box<dyn Effect>>,
    ) -> BoxFuture<'_, Result<(), HandlerError>> {
        Box::pin(async move {
            if effects.is_empty() {
                return Ok(());
            }
            let deferred = effects.into_iter().map(|effect| (effect as Box<dyn Any>).downcast());
            let deferred: Vec<Deferred> = deferred.filter_map(Result::ok).map(|it| *it).collect();
            self.publisher = deferred.first().map(|it| Arc::clone(&it.to));
            let (entry, published) = self.codec.entry(deferred)?;
            self.published = published;
            if !entry.events.is_empty() {
                self.unit.publish(&entry.events).await?;
            }
            self.has_scheduled = !entry.scheduled.is_empty();
            if self.has_scheduled {
                self.unit.schedule(&entry.scheduled).await?;
            }
            Ok(())
        })
    }

    fn done(
        &mut self,
        deliveries: Vec<(Arc<dyn Any + Send + Sync>, Option<u64>, Uuid)>,
    ) -> BoxFuture<'_, Result<bool, HandlerError>> {
        // A `transient` handler gets its events from memory, and leaves no done rows.
        let slices = deliveries.into_iter();
        let slices = slices
            .filter_map(|(of, token, event)| Some((of.downcast().ok()?, position(token), event)));
        self.done = slices.collect();
        Box::pin(async {
            let rows = self.done.iter();
            let rows: Vec<_> =
                rows.map(|(slice, position, event)| slice.done_row(*position, *event)).collect();
            let is_new = rows.is_empty() || self.unit.done(&rows).await?;
            if !is_new && let [(slice, position, _)] = &self.done[..] {
                // An owner before may have handled it. Its done row is forgotten with the delivery.
                slice.note_done_row(*position);
            }
            Ok(is_new)
        })
    }

    fn claim_key<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
    ) -> BoxFuture<'a, Result<Option<Executed>, HandlerError>> {
        Box::pin(async move { Ok(self.unit.claim_key(key).await?) })
    }

    fn store_output<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
        output: &'a str,
    ) -> BoxFuture<'a, Result<(), HandlerError>> {
        Box::pin(async move { Ok(self.unit.store_output(key, output).await?) })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), HandlerError>> {
        Box::pin(async move {
            self.unit.commit().await?;
            if let Some(publisher) = &self.publisher {
                self.published.iter().for_each(|event| publisher.appended(event));
                if self.has_scheduled {
                    publisher.scheduled();
                }
            }
            for (slice, position, _) in self.done {
                slice.note_done_row(position);
            }
            Ok(())
        })
    }
}
