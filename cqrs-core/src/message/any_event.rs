//! A published event with its context, shared by everything that looks at it.

use std::any::Any;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::Event;
use crate::context::Context;
use crate::context::message_id;
use crate::payload::{self, Changes, Redaction};

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 1024;

/// A published event of any type: its name, entity, context and payload.
///
/// This is what `#[events_handler(*)]` handles and `subscribe_all` yields. Cloning is cheap: the event
/// is allocated once, when it is published.
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
    facts: &'static Facts,
    event: E,
}

/// The constants of an [`Event`].
struct Facts {
    name: &'static str,
    version: u32,
    entity: Option<&'static str>,
    action: Option<&'static str>,
    is_activity: bool,
}

/// An [`Event`] without its constants.
trait ErasedEvent: Any + Send + Sync {
    fn entity_id(&self) -> Option<&dyn Display>;
    fn order_by(&self) -> Option<&dyn Display>;
    fn redacts_entity_id(&self) -> bool;
    fn entity_name(&self) -> Option<&dyn Display>;
    fn description(&self) -> Option<String>;
    fn changes(&self) -> Option<&Changes>;
    fn redactions(&self) -> &'static [Redaction];
    fn payload(&self) -> serde_json::Result<Value>;
}

impl<E: Event> ErasedEvent for E {
    fn entity_id(&self) -> Option<&dyn Display> {
        Event::entity_id(self)
    }

    fn order_by(&self) -> Option<&dyn Display> {
        Event::order_by(self)
    }

    fn redacts_entity_id(&self) -> bool {
        Event::redacts_entity_id(self)
    }

    fn entity_name(&self) -> Option<&dyn Display> {
        Event::entity_name(self)
    }

    fn description(&self) -> Option<String> {
        Event::description(self)
    }

    fn changes(&self) -> Option<&Changes> {
        Event::changes(self)
    }

    fn redactions(&self) -> &'static [Redaction] {
        Event::redactions(self)
    }

    fn payload(&self) -> serde_json::Result<Value> {
        self.to_json()
    }
}

impl AnyEvent {
    /// How deeply objects and lists may be nested in a payload. `serde_json` reads 127 levels; the rest is for
    /// what a store, a transport or an export puts around the payload.
    pub const MAX_PAYLOAD_DEPTH: usize = payload::MAX_PAYLOAD_DEPTH;

    /// `context` is the event's own: its message id is the event's id.
    pub(crate) fn new<E: Event>(context: Context, event: E) -> Self {
        let facts = const {
            &Facts {
                name: E::NAME,
                version: E::VERSION,
                entity: E::ENTITY,
                action: E::ACTION,
                is_activity: E::ACTIVITY,
            }
        };
        Self(Arc::new(Envelope { context, facts, event }))
    }

    /// The event's id (uuid v7), the same for every handler and every attempt. A handler can remember it to
    /// be idempotent.
    pub fn id(&self) -> Uuid {
        self.0.context.message_id()
    }

    /// The event's stable name, such as `employee.created`.
    pub fn name(&self) -> &'static str {
        self.0.facts.name
    }

    /// The version of the payload's form.
    pub fn version(&self) -> u32 {
        self.0.facts.version
    }

    /// The type of entity that the event is about, such as `Employee`.
    pub fn entity(&self) -> Option<&'static str> {
        self.0.facts.entity
    }

    /// The id of the entity, in clear: for handlers, not for logs.
    pub fn entity_id(&self) -> Option<&dyn Display> {
        self.0.event.entity_id()
    }

    /// The value of the field with `#[event(order_by)]`, in clear: for stores and transports, not for logs.
    pub fn order_by(&self) -> Option<&dyn Display> {
        self.0.event.order_by()
    }

    /// The id of the entity, for people and logs: [`Redaction::MASK`] if the field with
    /// `#[event(entity_id)]` is redacted in any way.
    pub fn redacted_entity_id(&self) -> Option<String> {
        self.redacted_entity_id_with(|_| Redaction::MASK.to_owned())
    }

    /// As [`redacted_entity_id`](Self::redacted_entity_id), but a redacted id is replaced by `hash` of its
    /// `Display` text, so that entities can still be distinguished. Use a keyed hash, as for
    /// [`redacted_payload_with`](Self::redacted_payload_with).
    pub fn redacted_entity_id_with(&self, hash: impl Fn(&Value) -> String) -> Option<String> {
        let id = self.entity_id()?.to_string();
        Some(if self.0.event.redacts_entity_id() { hash(&Value::String(id)) } else { id })
    }

    /// The name of the entity for people, from the field with `#[event(entity_name)]`.
    pub fn entity_name(&self) -> Option<&dyn Display> {
        self.0.event.entity_name()
    }

    /// What happened to the entity, such as `created`.
    pub fn action(&self) -> Option<&'static str> {
        self.0.facts.action
    }

    /// What happened, as a sentence for people without its subject, from `#[event(describe = "..")]`. It
    /// contains no redacted field. A text of more than 1,024 characters is cut and ends with `…`.
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
        self.0.facts.is_activity
    }

    /// What an update changed, from the field with `#[event(changes)]`, in clear: for stores and
    /// transports, not for logs.
    pub fn changes(&self) -> Option<&Changes> {
        self.0.event.changes()
    }

    /// What an update changed, for people and logs. Changes of `#[event(redact)]` fields are redacted like
    /// the fields: the old values and the new ones.
    ///
    /// A change belongs to such a field if a step of its path, or a key in its values, is the field's name
    /// in Rust or in JSON. Case, `_` and `-` are ignored. The path of the redacted change ends with that
    /// step, and all changes below it become one, because further steps may be keys that are as secret as
    /// the values.
    pub fn redacted_changes(&self) -> Option<Changes> {
        self.redacted_changes_with(|_| Redaction::MASK.to_owned())
    }

    /// As [`redacted_changes`](Self::redacted_changes), with hashes as in
    /// [`redacted_payload_with`](Self::redacted_payload_with).
    pub fn redacted_changes_with(&self, hash: impl Fn(&Value) -> String) -> Option<Changes> {
        let changes = self.changes()?;
        Some(payload::apply_to_changes(self.0.event.redactions(), changes, &hash))
    }

    /// When it was published, by the wall clock, according to its id.
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
    /// If the event's `Serialize` fails now, although it succeeded when the event was published; or if a
    /// number in it needs more than 64 bits, which a `Value` cannot hold.
    pub fn payload(&self) -> serde_json::Result<Value> {
        self.0.event.payload()
    }

    /// The payload as JSON, for people and logs. `#[event(redact)]` fields are masked, and so are
    /// `#[event(redact = hash)]` fields, because there is no hash key here. `#[event(redact = drop)]`
    /// fields are removed. Their [changes](Self::redacted_changes) are redacted in the same way.
    ///
    /// If the payload does not have the form that the redactions expect, all of it is masked.
    pub fn redacted_payload(&self) -> Value {
        self.redacted_payload_with(|_| Redaction::MASK.to_owned())
    }

    /// As [`redacted_payload`](Self::redacted_payload), but `#[event(redact = hash)]` values are replaced
    /// by what `hash` returns. Use a keyed hash, such as HMAC-SHA256: without a secret key, likely values,
    /// such as an address or a birthday, can be found by trial.
    pub fn redacted_payload_with(&self, hash: impl Fn(&Value) -> String) -> Value {
        let payload = self.payload().unwrap_or(Value::String(payload::UNREADABLE.to_owned()));
        payload::apply(self.0.event.redactions(), payload, &hash)
    }

    /// Masks the redacted values of this event in a text about it, such as an error.
    pub(crate) fn redacted_text(&self, text: &dyn Display) -> String {
        let text = text.to_string();
        let redactions = self.0.event.redactions();
        // The id's `Display` may differ from its JSON.
        let entity_id = self.entity_id().filter(|_| self.0.event.redacts_entity_id());
        if redactions.is_empty() && entity_id.is_none() {
            return text;
        }
        let entity_id = entity_id.map(ToString::to_string);
        match self.payload() {
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
    /// Writes name, id, entity and redacted payload. The event's own `Debug` is not used, because it does
    /// not redact.
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

    /// When it was published, by the wall clock.
    pub fn occurred_at(&self) -> Timestamp {
        self.event.occurred_at()
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
