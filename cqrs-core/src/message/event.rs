//! The trait of events.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::upcast::no_upcast;
use crate::payload::{Changes, MAX_PAYLOAD_DEPTH, Redaction, size_within};

/// Something that has happened; any number of handlers react. Derive it.
///
/// It does not name the tenant: the [`Context`](crate::Context) of the publish does.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct TimeLogCreated {
///     #[event(entity_id)]
///     time_log_id: Uuid,
///     minutes: u32,
/// }
///
/// assert_eq!(TimeLogCreated::NAME, "time.log.created");
/// assert_eq!(TimeLogCreated::ENTITY, Some("TimeLog"));
/// assert_eq!(TimeLogCreated::ACTION, Some("created"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "add `#[derive(Serialize, Deserialize, Event)]` to `{Self}`; a command or query is executed, not published",
    note = "a handler with `#[events_handler(*)]` implements `EventHandler<AnyEvent>` itself"
)]
pub trait Event: EventPayload {
    /// The stable name, such as `employee.created`. It is stored and sent; a Rust path never is.
    const NAME: &'static str;
    /// The version of the payload's form, from 1. It is stored with each event.
    const VERSION: u32 = 1;
    /// The type of entity that the event is about, such as `Employee`.
    const ENTITY: Option<&'static str> = None;
    /// What happened to the entity, such as `created`.
    const ACTION: Option<&'static str> = None;

    /// Whether the event belongs in an activity log.
    const ACTIVITY: bool = true;

    /// The id of the entity. Events of one entity reach a handler in publish order, one at a time.
    fn entity_id(&self) -> Option<&dyn Display> {
        None
    }

    /// The value that orders the event in place of the entity's type and id: events of one tenant with the
    /// same value share one order key, also across event types.
    fn order_by(&self) -> Option<&dyn Display> {
        None
    }

    /// Whether the entity's id is redacted, according to its field.
    fn redacts_entity_id(&self) -> bool {
        false
    }

    /// The type of entity that this event is about: [`ENTITY`](Self::ENTITY), from a value.
    fn entity(&self) -> Option<&'static str> {
        Self::ENTITY
    }

    /// The name of the entity for people, such as an employee's name.
    fn entity_name(&self) -> Option<&dyn Display> {
        None
    }

    /// What happened, as a sentence for people without its subject: `created a new Employee called Ada`.
    fn description(&self) -> Option<String> {
        None
    }

    /// What an update changed, in clear: for handlers, not for logs.
    fn changes(&self) -> Option<&Changes> {
        None
    }

    /// The parts of the payload that are redacted in logs.
    fn redactions(&self) -> &'static [Redaction] {
        &[]
    }

    /// The payload of version `from` in the form of the next version. An event that was stored with an older
    /// version goes through each version up to [`VERSION`](Self::VERSION), and is then deserialised.
    ///
    /// `#[event(upcast(..))]` says which functions do it:
    ///
    /// ```
    /// use cqrs_core::prelude::*;
    /// use serde_json::{Value, json};
    ///
    /// #[derive(Serialize, Deserialize, Event)]
    /// #[event(version = 3, upcast(1 = hours_to_minutes, 2 = without_unit))]
    /// struct TimeLogged {
    ///     minutes: u32,
    /// }
    ///
    /// fn hours_to_minutes(mut payload: Value) -> Result<Value, String> {
    ///     let hours = payload["hours"].as_u64().ok_or("`hours` is not a whole number")?;
    ///     payload["minutes"] = json!(hours * 60);
    ///     Ok(payload)
    /// }
    ///
    /// fn without_unit(payload: Value) -> Value {
    ///     json!({ "minutes": payload["minutes"] })
    /// }
    ///
    /// let version_2 = TimeLogged::upcast(1, json!({ "hours": 2, "unit": "h" }))?;
    /// assert_eq!(TimeLogged::upcast(2, version_2)?, json!({ "minutes": 120 }));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no function for this version, or it fails. The event is then a dead letter of each handler
    /// that wants it, with the error's text, and so it is if the function panics.
    fn upcast(from: u32, payload: Value) -> serde_json::Result<Value> {
        let _ = (from, payload);
        no_upcast()
    }
}

/// What a type needs to be an event: serde's traits and no borrowed data. Implemented automatically.
// Serde's traits are not supertraits, because the compiler would then report their absence in addition to
// the absence of this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent as an event",
    label = "an event serialises, and owns its data",
    note = "add `#[derive(Serialize, Deserialize)]` to `{Self}`, and let its fields own their data"
)]
pub trait EventPayload: Send + Sync + 'static {
    /// The payload as JSON.
    ///
    /// # Errors
    ///
    /// If it has no JSON form, such as a map whose keys are not strings.
    fn to_json(&self) -> serde_json::Result<Value>;

    /// The payload as JSON text.
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json).
    fn to_json_text(&self) -> serde_json::Result<String>;

    /// The event that has this payload.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or does not have the event's form.
    fn from_json_text(payload: &str) -> serde_json::Result<Self>
    where
        Self: Sized;

    /// The event that has this payload.
    ///
    /// # Errors
    ///
    /// If the JSON does not have the event's form.
    fn from_json(payload: Value) -> serde_json::Result<Self>
    where
        Self: Sized;

    /// How many bytes the payload has as JSON.
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json); an I/O error if the payload is nested deeper than
    /// [`AnyEvent::MAX_PAYLOAD_DEPTH`](super::AnyEvent::MAX_PAYLOAD_DEPTH).
    fn json_size(&self) -> serde_json::Result<usize>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> EventPayload for T {
    fn to_json(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn to_json_text(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    fn from_json_text(payload: &str) -> serde_json::Result<Self> {
        serde_json::from_str(payload)
    }

    fn from_json(payload: Value) -> serde_json::Result<Self> {
        serde_json::from_value(payload)
    }

    fn json_size(&self) -> serde_json::Result<usize> {
        size_within(self, MAX_PAYLOAD_DEPTH)
    }
}
