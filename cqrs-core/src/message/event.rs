//! What an event is.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::payload::{Changes, MAX_PAYLOAD_DEPTH, Redaction, size_within};

/// Something that has happened, for any number of handlers to react to. Derive it.
///
/// An event is a plain value that serialises, since it may be stored, sent and logged. It names no
/// tenant: that is in the [`Context`](crate::Context) it is published with.
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
    /// The stable name, such as `employee.created`. Stored and sent; no Rust path ever is.
    const NAME: &'static str;
    /// The version of the payload's form, from 1.
    const VERSION: u32 = 1;
    /// What kind of thing the event is about, such as `Employee`.
    const ENTITY: Option<&'static str> = None;
    /// What happened to it, such as `created`.
    const ACTION: Option<&'static str> = None;

    /// Whether the event is something people did, which belongs into an activity log.
    const ACTIVITY: bool = true;

    /// Which one it is about. Events of one entity reach a handler in publish order, one at a time.
    fn entity_id(&self) -> Option<&dyn Display> {
        None
    }

    /// What orders the event, if that is not the entity: events of one tenant that name the same value share
    /// one order, also across event types. Without it, the order key is the entity's type and id.
    fn order_by(&self) -> Option<&dyn Display> {
        None
    }

    /// Whether the entity's id never reaches a log in clear, as its field says.
    fn redacts_entity_id(&self) -> bool {
        false
    }

    /// What kind of thing the event is about: [`ENTITY`](Self::ENTITY), where a value is at hand.
    fn entity(&self) -> Option<&'static str> {
        Self::ENTITY
    }

    /// What people call the one it is about, such as an employee's name.
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

    /// Which parts of the payload never reach a log. Whether the entity's id is one of them says
    /// [`redacts_entity_id`](Self::redacts_entity_id).
    fn redactions(&self) -> &'static [Redaction] {
        &[]
    }
}

/// What a type needs so that it can be an event: serde's traits and no borrowed data. Implemented by
/// itself.
// Its supertraits leave serde's out: their absence would be reported besides this trait's, twice.
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
    /// When it has no JSON form, such as a map whose keys are no strings.
    fn to_json(&self) -> serde_json::Result<Value>;

    /// How many bytes the payload has as JSON.
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json); one of I/O, when the payload is nested deeper than
    /// [`AnyEvent::MAX_PAYLOAD_DEPTH`](super::AnyEvent::MAX_PAYLOAD_DEPTH).
    fn json_size(&self) -> serde_json::Result<usize>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> EventPayload for T {
    fn to_json(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn json_size(&self) -> serde_json::Result<usize> {
        size_within(self, MAX_PAYLOAD_DEPTH)
    }
}
