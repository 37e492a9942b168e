//! A delivery that has died, as an event.

use std::any::TypeId;
use std::fmt::Display;
use std::sync::{Arc, OnceLock, Weak};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Deferred, Publishes};
use crate::context::{Context, message_id};
use crate::handler::DeliveryError;
use crate::message::{AnyEvent, Event};
use crate::payload::Redaction;

/// A delivery has failed for good. This event is for compensation and alerts. It has the tenant, the actor and the
/// correlation id of the event that could not be handled.
///
/// It is published only if a handler names it, and is delivered like any other event: with a store, at least once, also
/// after a crash. If a delivery of this event itself fails for good, no further event is published: otherwise a failing
/// handler would cause events without end.
///
/// ```
/// use cqrs_core::operations::DeliveryDied;
/// use cqrs_core::prelude::*;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct OrderPlaced { #[event(entity_id)] order_id: Uuid }
///
/// #[derive(Command)]
/// struct CancelOrder { order_id: Uuid }
///
/// #[events_handler]
/// async fn cancel_unpaid_orders(
///     died: &DeliveryDied,
///     ctx: &Context,
///     commands: &CommandBus,
/// ) -> HandlerResult {
///     if died.handler == "charge-card"
///         && let Some(order) = died.event::<OrderPlaced>()
///     {
///         let order_id = order?.order_id;
///         commands.execute(ctx, CancelOrder { order_id }).await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeliveryDied {
    /// The stable name of the handler.
    pub handler: String,
    /// The stable name of the event that could not be handled.
    pub event_name: String,
    /// The id of that event.
    pub event_id: Uuid,
    /// The version of that event's form.
    pub event_version: u32,
    /// How many attempts were made; 0 if the event could not be read.
    pub attempts: u32,
    /// Why the last attempt failed. Redacted values of the event are masked in it.
    pub error: String,
    /// When the last attempt failed.
    pub died_at: Timestamp,
    /// The event's payload as JSON, in clear for handlers and masked in logs.
    payload: Box<RawValue>,
}

impl DeliveryDied {
    /// A delivery of `event` to this handler that died after one attempt: for a unit test of a function that handles it.
    ///
    /// # Errors
    ///
    /// If the event has no JSON form.
    pub fn of<E: Event>(handler: &str, event: &E, error: &str) -> serde_json::Result<Self> {
        Ok(Self {
            handler: handler.to_owned(),
            event_name: E::NAME.to_owned(),
            event_id: message_id::new(),
            event_version: E::VERSION,
            attempts: 1,
            error: error.to_owned(),
            died_at: Timestamp::now(),
            payload: RawValue::from_string(event.to_json_text()?)?,
        })
    }

    /// The event that could not be handled, if it is an `E`.
    ///
    /// # Errors
    ///
    /// If its payload does not have the form of an `E`. This may be why the delivery died.
    pub fn event<E: Event>(&self) -> Option<serde_json::Result<E>> {
        let read = || AnyEvent::read::<E>(self.event_version, self.payload.get());
        (self.event_name == E::NAME).then(read)
    }
}

// Keeps this type out of the compiler's suggestions when a user's type is not an event.
#[diagnostic::do_not_recommend]
impl Event for DeliveryDied {
    const NAME: &'static str = "cqrs.delivery-died";
    const ACTIVITY: bool = false;

    /// Deaths of different events have no order: each has its own order key.
    fn order_by(&self) -> Option<&dyn Display> {
        Some(&self.event_id)
    }

    fn redactions(&self) -> &'static [Redaction] {
        const { &[Redaction::mask("/payload")] }
    }
}

/// Makes the events of deaths, if a handler wants them.
#[derive(Default)]
pub(crate) struct Deaths(OnceLock<Weak<dyn Publishes>>);

impl Deaths {
    /// Deaths are published there from now on.
    pub(crate) fn publish_to(&self, to: Weak<dyn Publishes>) {
        let _ = self.0.set(to);
    }

    /// The event of the death of a delivery of `event`, if it is wanted.
    pub(crate) fn of(
        &self,
        handler: &str,
        event: &AnyEvent,
        attempts: u32,
        error: &DeliveryError,
    ) -> Option<Deferred> {
        let to = self.wanted(event.event_type())?;
        let error = event.redacted_text(error);
        let payload = event.payload_text().ok()?;
        let (name, version, context) = (event.name(), event.version(), event.context());
        deferred(to, context, handler, (name, version), &payload, attempts, error)
    }

    /// As [`of`](Self::of), for an event that could not be read.
    pub(crate) fn of_unreadable(
        &self,
        handler: &str,
        (name, version): (&str, u32),
        context: &str,
        payload: &str,
        error: &str,
    ) -> Option<Deferred> {
        if name == DeliveryDied::NAME {
            return None;
        }
        let to = self.0.get()?.upgrade()?;
        let context = serde_json::from_str(context).ok()?;
        deferred(to, &context, handler, (name, version), payload, 0, error.to_owned())
    }

    fn wanted(&self, event: TypeId) -> Option<Arc<dyn Publishes>> {
        let to = self.0.get()?;
        if event == TypeId::of::<DeliveryDied>() { None } else { to.upgrade() }
    }
}

fn deferred(
    to: Arc<dyn Publishes>,
    context: &Context,
    handler: &str,
    (name, version): (&str, u32),
    payload: &str,
    attempts: u32,
    error: String,
) -> Option<Deferred> {
    let died = DeliveryDied {
        handler: handler.to_owned(),
        event_name: name.to_owned(),
        event_id: context.message_id(),
        event_version: version,
        attempts,
        error,
        died_at: Timestamp::now(),
        payload: RawValue::from_string(payload.to_owned()).ok()?,
    };
    // No limit here: a death is always published. It continues the chain of events that led to it, and the chain is limited
    // when a handler of deaths publishes or executes.
    let context = context.for_event(u32::MAX).ok()?;
    Some(Deferred { event: AnyEvent::new(context, died), due: None, to })
}
