//! A delivery that has failed, as operators see it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::bus::DeadLetter;
use crate::context::Context;
use crate::log::{FailedState, FailureFacts, StoredFailure};
use crate::message::AnyEvent;
use crate::subscription::Codec;

/// A delivery that is a dead letter, or is parked and tried again: its event, its handler, and why it failed.
#[derive(Clone)]
#[non_exhaustive]
pub struct FailedDelivery {
    /// What names it, also after it was parked and has died.
    pub id: Uuid,
    /// The handler's stable name.
    pub handler: Arc<str>,
    /// The event, with its context. If this build cannot read it, it is one of an unknown type.
    pub event: AnyEvent,
    /// How many attempts have failed.
    pub attempts: u32,
    /// Why the last one failed, without the redacted values that it quotes. Empty if it waits behind another delivery.
    pub error: String,
    /// When it died; for a parked one, when its event was appended.
    pub since: Timestamp,
    /// Whether it is dead or parked.
    pub state: FailedState,
    /// Whether it is a dead letter that blocks its order key: the later events of the key wait for this handler until it is
    /// redelivered with success, or discarded. See [`DeadLetters::Block`](crate::handler::DeadLetters::Block).
    pub blocks_key: bool,
}

impl FailedDelivery {
    pub(super) fn of_letter(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id,
            handler: Arc::clone(&letter.handler),
            event: letter.event.clone(),
            attempts: letter.attempts,
            error: letter.event.redacted_text(&letter.error),
            since: letter.died_at,
            state: FailedState::Dead,
            blocks_key: letter.blocks.is_some(),
        }
    }

    pub(super) fn of_store(stored: StoredFailure, codec: &Codec) -> Self {
        let id = stored.id().to_uuid();
        let StoredFailure { subscription, event, attempts, error, since, state, blocks_key } =
            stored;
        let (handler, event) = (subscription.name.into(), codec.show(&event.event));
        Self { id, handler, event, attempts, error, since, state, blocks_key }
    }

    pub(super) fn facts<T>(&self, with: impl FnOnce(&FailureFacts<'_>) -> T) -> T {
        let context: &Context = self.event.context();
        let entity_id = self.event.entity_id().map(ToString::to_string);
        with(&FailureFacts {
            is_dead: self.state == FailedState::Dead,
            handler: &self.handler,
            event: self.event.name(),
            tenant: context.tenant_id().map(crate::context::TenantId::as_str),
            entity: self.event.entity(),
            entity_id: entity_id.as_deref(),
            error: &self.error,
            since: self.since,
        })
    }
}

impl fmt::Debug for FailedDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedDelivery")
            .field("id", &self.id)
            .field("handler", &self.handler)
            .field("event", &self.event)
            .field("attempts", &self.attempts)
            .field("error", &self.error)
            .field("since", &self.since)
            .field("state", &self.state)
            .field("blocks_key", &self.blocks_key)
            .finish()
    }
}
