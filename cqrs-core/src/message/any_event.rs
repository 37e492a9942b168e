//! A published event with its context, shared by everything that looks at it.

use std::any::Any;
use std::fmt::{self, Display, Write as _};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{Event, EventPayload};
use crate::context::Context;
use crate::context::message_id;
use crate::payload::{self, Changes, Redaction};
use crate::runtime::catch_now;

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 1024;

/// A published event of any type: its name, entity, context and payload. Cloning is cheap.
///
/// This is what `#[events_handler(*)]` handles and `subscribe_all` yields.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// #[events_handler(*)]
/// struct Trace;
///
/// impl EventHandler<AnyEvent> for Trace {
///     async fn handle(&self, event: &AnyEvent, ctx: &Context) -> HandlerResult {
///         println!("{} {} {}", ctx.tenant(), event.name(), event.redacted_payload());
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone)]
pub struct AnyEvent(Arc<Envelope<dyn ErasedEvent>>);

struct Envelope<E: ?Sized> {
    context: Context,
    event: E,
}

/// An [`Event`] without its type.
pub(super) trait ErasedEvent: Any + Send + Sync {
    fn name(&self) -> &'static str;
    fn facts(&self) -> Facts<'_>;
    fn description(&self) -> Option<String>;
    fn payload(&self) -> serde_json::Result<Value>;
    fn payload_text(&self) -> serde_json::Result<String>;
    fn json_size(&self) -> serde_json::Result<usize>;
}

/// What an [`Event`] says about itself without any work.
pub(super) struct Facts<'a> {
    pub(super) version: u32,
    pub(super) entity: Option<&'static str>,
    pub(super) action: Option<&'static str>,
    pub(super) is_activity: bool,
    pub(super) entity_id: Option<&'a dyn Display>,
    pub(super) order_by: Option<&'a dyn Display>,
    pub(super) redacts_entity_id: bool,
    pub(super) entity_name: Option<&'a dyn Display>,
    pub(super) changes: Option<&'a Changes>,
    pub(super) redactions: &'static [Redaction],
}

impl<E: Event> ErasedEvent for E {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            version: E::VERSION,
            entity: E::ENTITY,
            action: E::ACTION,
            is_activity: E::ACTIVITY,
            entity_id: self.entity_id(),
            order_by: self.order_by(),
            redacts_entity_id: self.redacts_entity_id(),
            entity_name: self.entity_name(),
            changes: self.changes(),
            redactions: self.redactions(),
        }
    }

    fn description(&self) -> Option<String> {
        Event::description(self)
    }

    fn payload(&self) -> serde_json::Result<Value> {
        self.to_json()
    }

    fn payload_text(&self) -> serde_json::Result<String> {
        self.to_json_text()
    }

    fn json_size(&self) -> serde_json::Result<usize> {
        EventPayload::json_size(self)
    }
}

impl AnyEvent {
    /// How deeply objects and lists may be nested in a payload.
    pub const MAX_PAYLOAD_DEPTH: usize = payload::MAX_PAYLOAD_DEPTH;

    /// `context` is the event's own: its message id is the event's id.
    pub(crate) fn new<E: Event>(context: Context, event: E) -> Self {
        Self::erase(context, event)
    }

    pub(super) fn erase(context: Context, event: impl ErasedEvent) -> Self {
        Self(Arc::new(Envelope { context, event }))
    }

    pub(super) fn erased(&self) -> &dyn ErasedEvent {
        &self.0.event
    }

    fn facts(&self) -> Facts<'_> {
        self.0.event.facts()
    }

    /// The event's id (uuid v7), the same for every attempt. A handler can remember it to be idempotent.
    pub fn id(&self) -> Uuid {
        self.0.context.message_id()
    }

    /// The event's stable name, such as `employee.created`.
    pub fn name(&self) -> &'static str {
        self.0.event.name()
    }

    /// The version of the payload's form.
    pub fn version(&self) -> u32 {
        self.facts().version
    }

    /// The type of entity that the event is about, such as `Employee`.
    pub fn entity(&self) -> Option<&'static str> {
        self.facts().entity
    }

    /// The id of the entity, in clear: for handlers, not for logs.
    pub fn entity_id(&self) -> Option<&dyn Display> {
        self.facts().entity_id
    }

    /// The value of the field with `#[event(order_by)]`, in clear: for stores and transports, not for logs.
    pub fn order_by(&self) -> Option<&dyn Display> {
        self.facts().order_by
    }

    /// What orders the event: the value of `#[event(order_by)]`, or else the entity's type and id.
    pub(crate) fn ordered_by(&self) -> (Option<&'static str>, Option<&dyn Display>) {
        let facts = self.facts();
        match facts.order_by {
            Some(value) => (None, Some(value)),
            None => (facts.entity, facts.entity_id),
        }
    }

    /// The id of the entity, for people and logs: [`Redaction::MASK`] if its field is redacted in any way.
    pub fn redacted_entity_id(&self) -> Option<String> {
        self.redacted_entity_id_with(|_| Redaction::MASK.to_owned())
    }

    /// As [`redacted_entity_id`](Self::redacted_entity_id), but a redacted id is replaced by `hash` of its
    /// `Display` text; see [`redacted_payload_with`](Self::redacted_payload_with).
    pub fn redacted_entity_id_with(&self, hash: impl Fn(&Value) -> String) -> Option<String> {
        let id = self.entity_id()?.to_string();
        Some(if self.facts().redacts_entity_id { hash(&Value::String(id)) } else { id })
    }

    /// The name of the entity for people, from the field with `#[event(entity_name)]`.
    pub fn entity_name(&self) -> Option<&dyn Display> {
        self.facts().entity_name
    }

    /// What happened to the entity, such as `created`.
    pub fn action(&self) -> Option<&'static str> {
        self.facts().action
    }

    /// What happened, from `#[event(describe = "..")]`, without redacted fields. A text of more than 1,024
    /// characters is cut and ends with `…`.
    pub fn description(&self) -> Option<String> {
        let mut description = self.0.event.description()?;
        if let Some((end, _)) = description.char_indices().nth(MAX_DESCRIPTION) {
            description.truncate(end);
            description.push('…');
        }
        Some(description)
    }

    /// Whether the event belongs in an activity log: false with `#[event(activity = false)]`.
    pub fn is_activity(&self) -> bool {
        self.facts().is_activity
    }

    /// What an update changed, in clear: for stores and transports, not for logs.
    pub fn changes(&self) -> Option<&Changes> {
        self.facts().changes
    }

    /// What an update changed, for people and logs. Values of a key with the name of an `#[event(redact)]`
    /// field, in Rust or in JSON, are redacted like the field, at any depth. Changes below such a key become
    /// one; see [`Changes::mask`].
    pub fn redacted_changes(&self) -> Option<Changes> {
        self.redacted_changes_with(|_| Redaction::MASK.to_owned())
    }

    /// As [`redacted_changes`](Self::redacted_changes), with hashes as in
    /// [`redacted_payload_with`](Self::redacted_payload_with).
    pub fn redacted_changes_with(&self, hash: impl Fn(&Value) -> String) -> Option<Changes> {
        let changes = self.changes()?;
        Some(payload::apply_to_changes(self.facts().redactions, changes, &hash))
    }

    /// When it was published, by the wall clock, according to its id. For an event that was published with
    /// [`publish_at`](crate::EventBus::publish_at): when it was due.
    pub fn occurred_at(&self) -> Timestamp {
        message_id::time(self.id()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The context: tenant, actor, correlation id and causation id.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// The payload as JSON, in clear: for stores and transports, not for logs.
    ///
    /// # Errors
    ///
    /// If the event's `Serialize` fails now, or a number in it needs more than 64 bits.
    pub fn payload(&self) -> serde_json::Result<Value> {
        self.0.event.payload()
    }

    /// The payload as JSON, for people and logs. `#[event(redact)]` and `#[event(redact = hash)]` fields are
    /// masked, `#[event(redact = drop)]` fields removed, and so are their changes.
    ///
    /// Each number is as its type writes it, but an integer of more than 64 bits is a text. If the payload does not have
    /// the form that the redactions expect, all of it is masked.
    pub fn redacted_payload(&self) -> Value {
        self.redacted_payload_with(|_| Redaction::MASK.to_owned())
    }

    /// As [`redacted_payload`](Self::redacted_payload), but `#[event(redact = hash)]` values are replaced
    /// by what `hash` returns. Use a keyed hash, such as HMAC-SHA256: otherwise likely values can be found by
    /// trial.
    pub fn redacted_payload_with(&self, hash: impl Fn(&Value) -> String) -> Value {
        let payload = self.exact_payload();
        let payload = payload.unwrap_or(Value::String(payload::UNREADABLE.to_owned()));
        payload::apply(self.facts().redactions, payload, &hash)
    }

    /// The payload with each number as its type writes it.
    fn exact_payload(&self) -> serde_json::Result<Value> {
        payload::exact_text(&self.payload_text()?)
    }

    /// Masks the redacted values of this event in a text about it, such as an error.
    pub(crate) fn redacted_text(&self, shown: &dyn Display) -> String {
        // An error that cannot be written, or not whole, is still reported.
        let text = catch_now(|| {
            let mut text = String::new();
            let _ = write!(text, "{shown}");
            text
        });
        let Ok(text) = text else { return payload::UNREADABLE.to_owned() };
        let redactions = self.facts().redactions;
        // The id's `Display` may differ from its JSON.
        let entity_id = self.entity_id().filter(|_| self.facts().redacts_entity_id);
        if redactions.is_empty() && entity_id.is_none() {
            return text;
        }
        let entity_id = entity_id.map(ToString::to_string);
        match self.exact_payload() {
            Ok(payload) => payload::mask_in_text(redactions, &payload, entity_id, text),
            Err(_) => payload::UNREADABLE.to_owned(),
        }
    }

    pub(crate) fn as_any(&self) -> &dyn Any {
        &self.0.event
    }

    /// The event as an `E`, which may be [`AnyEvent`] itself.
    pub(crate) fn as_event<E: 'static>(&self) -> Option<&E> {
        (self as &dyn Any).downcast_ref().or_else(|| self.as_any().downcast_ref())
    }

    /// Whether the event is an `E`.
    pub fn is<E: Event>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The event itself, if it is an `E`.
    pub fn downcast_ref<E: Event>(&self) -> Option<&E> {
        self.as_any().downcast_ref()
    }

    /// The event as an owned [`Published`], if it is an `E`.
    pub fn downcast<E: Event>(self) -> Option<Published<E>> {
        self.is::<E>().then_some(Published { event: self, event_type: PhantomData })
    }
}

impl fmt::Debug for AnyEvent {
    /// The event's own `Debug` is not used, because it does not redact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name())
            .field("id", &self.id())
            .field("tenant", &format_args!("{}", self.context().tenant()))
            .field("payload", &format_args!("{}", self.redacted_payload()))
            .finish()
    }
}

/// A published event whose type is known. Derefs to the event.
pub struct Published<E> {
    event: AnyEvent,
    event_type: PhantomData<fn() -> E>,
}

impl<E: Event> Published<E> {
    /// The event's id; see [`AnyEvent::id`].
    pub fn id(&self) -> Uuid {
        self.event.id()
    }

    /// The context: tenant, actor, correlation id and causation id.
    pub fn context(&self) -> &Context {
        self.event.context()
    }

    /// The same event without its type.
    pub fn as_any(&self) -> &AnyEvent {
        &self.event
    }
}

impl<E: Event> Deref for Published<E> {
    type Target = E;

    fn deref(&self) -> &E {
        match self.event.downcast_ref() {
            Some(event) => event,
            None => unreachable!("the type was checked when `Published` was made"),
        }
    }
}

impl<E> Clone for Published<E> {
    fn clone(&self) -> Self {
        Self { event: self.event.clone(), event_type: PhantomData }
    }
}

impl<E> fmt::Debug for Published<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event.fmt(f)
    }
}
