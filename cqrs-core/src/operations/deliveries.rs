//! Failed deliveries: looking at them, delivering them again, ending them.

use serde_json::Value;
use uuid::Uuid;

use super::merge::merge;
use super::{FailedDelivery, OperationError, Operations};
use crate::bus::Letters;
use crate::context::Context;
use crate::log::{DeliveryFilter, DeliveryId, Edit, FailedState, StoredFailure};
use crate::message::AnyEvent;

impl Operations {
    /// One page of the deliveries that have failed: dead letters, and those that are parked. Those of the store come
    /// first, in the order of the log; then the dead letters in memory, the oldest first. The id of the last one
    /// of a page is what the [next page](DeliveryFilter::after) begins after.
    ///
    /// # Errors
    ///
    /// [`OperationError::Store`].
    pub async fn failed(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<Vec<FailedDelivery>, OperationError> {
        let mut page = Vec::new();
        let is_in_memory = filter.after.is_some_and(|id| DeliveryId::from_uuid(id).is_none());
        if let Some(engine) = self.engine().filter(|_| !is_in_memory) {
            engine.save_all().await;
            let stored = engine.store().failed(filter).await?;
            page.extend(stored.into_iter().map(|it| FailedDelivery::of_store(it, &self.0.codec)));
        }
        let kept = self.letters().kept();
        let letters = kept.letters.iter().map(FailedDelivery::of_letter);
        let after = filter.after.filter(|_| is_in_memory);
        let letters = letters.filter(|it| after.is_none_or(|after| it.id > after));
        let letters = letters.filter(|it| it.facts(|facts| filter.matches(facts)));
        page.extend(letters.take(filter.limit.saturating_sub(page.len())));
        Ok(page)
    }

    /// How many dead letters in memory were dropped because there were more than
    /// [`dead_letter_capacity`](crate::AppBuilder::dead_letter_capacity).
    pub fn dropped(&self) -> u64 {
        self.letters().kept().dropped
    }

    /// Delivers a dead letter again, with a full set of attempts and after what its handler has waiting. If it fails
    /// again, it is a new dead letter. One that [blocks its order key](FailedDelivery::blocks_key) comes before those that wait
    /// for it, and blocks the key until it succeeds. A parked delivery is tried at once.
    ///
    /// # Errors
    ///
    /// [`OperationError`] when there is no such delivery, or the application takes no more work.
    pub async fn redeliver(&self, ctx: &Context, id: Uuid) -> Result<(), OperationError> {
        let handler = match DeliveryId::from_uuid(id) {
            Some(delivery) => {
                let handler = self.stored(id, delivery).await?.subscription.name;
                self.edit(id, &Edit::Redeliver { delivery, payload: None }).await?;
                handler
            }
            None => self.redeliver_letter(id, None)?,
        };
        self.record(ctx, "redelivered", &handler, format!("delivery {id}")).await;
        Ok(())
    }

    /// As [`redeliver`](Self::redeliver) for a dead letter, with another payload. `patch` is a JSON merge patch
    /// ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)): what it does not name stays as it is, so that redacted
    /// values need not be known.
    ///
    /// # Errors
    ///
    /// As [`redeliver`](Self::redeliver); and when the delivery is parked, or the payload does not have the form of
    /// the event afterwards. With a store, also when it [blocks its order key](FailedDelivery::blocks_key): it keeps its place
    /// in the log, and the log keeps the event as it was.
    pub async fn redeliver_edited(
        &self,
        ctx: &Context,
        id: Uuid,
        patch: &Value,
    ) -> Result<(), OperationError> {
        let handler = match DeliveryId::from_uuid(id) {
            Some(delivery) => {
                let stored = self.stored(id, delivery).await?;
                if stored.state != FailedState::Dead {
                    return Err(OperationError::Parked(id));
                }
                if stored.blocks_key {
                    return Err(OperationError::BlocksKey(id));
                }
                let shown = self.0.codec.show(&stored.event.event);
                let edited = self.edited(&shown, patch)?;
                let payload = edited.payload_text().map_err(|error| wrong(&shown, error))?;
                let payload = Some((edited.version(), &*payload));
                self.edit(id, &Edit::Redeliver { delivery, payload }).await?;
                stored.subscription.name
            }
            None => self.redeliver_letter(id, Some(patch))?,
        };
        self.record(ctx, "edited and redelivered", &handler, format!("delivery {id}")).await;
        Ok(())
    }

    /// Ends a dead letter, or a parked delivery: its handler does not get it any more, and those that wait for it go on.
    ///
    /// # Errors
    ///
    /// [`OperationError`] when there is no such delivery.
    pub async fn discard(&self, ctx: &Context, id: Uuid) -> Result<(), OperationError> {
        let handler = if let Some(delivery) = DeliveryId::from_uuid(id) {
            let handler = self.stored(id, delivery).await?.subscription.name;
            self.edit(id, &Edit::Discard(delivery)).await?;
            handler
        } else {
            let letter = self.letters().kept().extract(|letter| letter.id == id).pop();
            let letter = letter.ok_or(OperationError::NoSuchDelivery(id))?;
            letter.release();
            letter.handler.to_string()
        };
        self.record(ctx, "discarded", &handler, format!("delivery {id}")).await;
        Ok(())
    }

    /// [Redelivers](Self::redeliver) all that match, whatever the filter's limit, and returns how many there were.
    ///
    /// # Errors
    ///
    /// As [`redeliver`](Self::redeliver); those before were redelivered.
    pub async fn redeliver_all(
        &self,
        ctx: &Context,
        filter: &DeliveryFilter,
    ) -> Result<usize, OperationError> {
        let mut count = 0;
        for id in self.ids(filter).await? {
            count += usize::from(is_done(self.redeliver(ctx, id).await)?);
        }
        Ok(count)
    }

    /// [Discards](Self::discard) all that match, whatever the filter's limit, and returns how many there were.
    ///
    /// # Errors
    ///
    /// As [`discard`](Self::discard); those before were discarded.
    pub async fn discard_all(
        &self,
        ctx: &Context,
        filter: &DeliveryFilter,
    ) -> Result<usize, OperationError> {
        let mut count = 0;
        for id in self.ids(filter).await? {
            count += usize::from(is_done(self.discard(ctx, id).await)?);
        }
        Ok(count)
    }

    fn letters(&self) -> &Letters {
        self.0.dispatcher.letters()
    }

    /// A failed delivery of the store.
    async fn stored(
        &self,
        id: Uuid,
        delivery: DeliveryId,
    ) -> Result<StoredFailure, OperationError> {
        let engine = self.engine().ok_or(OperationError::NoSuchDelivery(id))?;
        engine.save_all().await;
        let found = engine.store().failed(&DeliveryFilter::before(delivery).limit(1)).await?.pop();
        found.filter(|it| it.id() == delivery).ok_or(OperationError::NoSuchDelivery(id))
    }

    async fn edit(&self, id: Uuid, edit: &Edit<'_>) -> Result<(), OperationError> {
        let engine = self.engine().ok_or(OperationError::NoSuchDelivery(id))?;
        match engine.edit(edit).await? {
            0 => Err(OperationError::NoSuchDelivery(id)),
            _ => Ok(()),
        }
    }

    /// Delivers a dead letter in memory again. Returns its handler.
    fn redeliver_letter(&self, id: Uuid, patch: Option<&Value>) -> Result<String, OperationError> {
        let lifecycle = &self.0.dispatcher.shared.lifecycle;
        let _admission = lifecycle.admit(false).ok_or(OperationError::ShutDown)?;
        let letter = self.letters().kept().extract(|letter| letter.id == id).pop();
        let letter = letter.ok_or(OperationError::NoSuchDelivery(id))?;
        let event = match patch {
            Some(patch) => self.edited(&letter.event, patch),
            None => Ok(letter.event.clone()),
        };
        let handler = letter.handler.to_string();
        let redelivered = event.and_then(|event| {
            let dispatcher = &self.0.dispatcher;
            let is_resumed = match letter.blocked_lane() {
                Some(lane) => dispatcher.resume(&lane, &event),
                None => Ok(false),
            };
            let redelivered = is_resumed.and_then(|is_resumed| {
                if is_resumed { Ok(()) } else { dispatcher.redeliver(&letter.handler, &event) }
            });
            redelivered.map_err(|_| OperationError::ShutDown)
        });
        if redelivered.is_err() {
            self.letters().add(letter);
        }
        redelivered.map(|()| handler)
    }

    /// The event with another payload.
    fn edited(&self, event: &AnyEvent, patch: &Value) -> Result<AnyEvent, OperationError> {
        let edited = event.payload().and_then(|mut payload| {
            merge(&mut payload, patch);
            self.0.codec.with_payload(event, &payload.to_string())
        });
        edited.map_err(|error| wrong(event, error))
    }

    /// All that match at this time: what fails again meanwhile is not meant.
    async fn ids(&self, filter: &DeliveryFilter) -> Result<Vec<Uuid>, OperationError> {
        let mut filter = filter.clone().limit(DeliveryFilter::MAX_LIMIT);
        let mut ids = Vec::new();
        loop {
            let page = self.failed(&filter).await?;
            let Some(last) = page.last() else { break };
            filter.after = Some(last.id);
            ids.extend(page.iter().map(|failed| failed.id));
        }
        Ok(ids)
    }
}

/// Whether the delivery was still there: it may have been handled meanwhile.
fn is_done(result: Result<(), OperationError>) -> Result<bool, OperationError> {
    match result {
        Ok(()) => Ok(true),
        Err(OperationError::NoSuchDelivery(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn wrong(event: &AnyEvent, error: serde_json::Error) -> OperationError {
    OperationError::WrongPayload { event: event.name().to_owned(), error }
}
