//! Events as JSON text, for stores and transports.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use serde_json::value::RawValue;

use super::any_event::{ErasedEvent, Facts};
use super::{AnyEvent, Event, upcast};
use crate::context::Context;
use crate::payload::Redaction;

/// Reads an event of one type: its context, the version and the text of its payload.
pub(crate) type Decode = fn(Context, u32, &str) -> serde_json::Result<AnyEvent>;

/// How events of one type are read.
#[derive(Clone, Copy)]
pub(crate) struct Decoder {
    /// The event's stable name.
    pub(crate) name: &'static str,
    pub(crate) event: TypeId,
    /// The newest version that this build can read.
    pub(crate) version: u32,
    pub(crate) decode: Decode,
}

impl Decoder {
    pub(crate) fn of<E: Event>() -> Self {
        let (event, decode) = (TypeId::of::<E>(), AnyEvent::decode::<E>);
        Self { name: E::NAME, event, version: E::VERSION, decode }
    }
}

/// An event whose name this build does not know, as a handler of every event gets it.
struct Unknown {
    name: &'static str,
    version: u32,
    payload: Box<RawValue>,
}

impl AnyEvent {
    /// The payload as JSON text.
    pub(crate) fn payload_text(&self) -> serde_json::Result<String> {
        self.erased().payload_text()
    }

    /// How many bytes the payload has as JSON; an I/O error if it is nested too deeply.
    pub(crate) fn json_size(&self) -> serde_json::Result<usize> {
        self.erased().json_size()
    }

    /// As [`decode`](Self::decode), the `E` itself.
    pub(crate) fn read<E: Event>(version: u32, payload: &str) -> serde_json::Result<E> {
        upcast::read::<E>(version, payload)
    }

    /// An `E` from the text of its payload, which may be of an older version.
    pub(crate) fn decode<E: Event>(
        context: Context,
        version: u32,
        payload: &str,
    ) -> serde_json::Result<Self> {
        Ok(Self::new(context, upcast::read::<E>(version, payload)?))
    }

    /// An event whose name this build does not know.
    pub(crate) fn unknown(
        context: Context,
        name: &str,
        version: u32,
        payload: &str,
    ) -> serde_json::Result<Self> {
        let payload = RawValue::from_string(payload.to_owned())?;
        Ok(Self::erase(context, Unknown { name: keep(name), version, payload }))
    }

    /// The type of the event.
    pub(crate) fn event_type(&self) -> TypeId {
        self.as_any().type_id()
    }
}

impl ErasedEvent for Unknown {
    fn name(&self) -> &'static str {
        self.name
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            version: self.version,
            entity: None,
            action: None,
            is_activity: true,
            entity_id: None,
            order_by: None,
            redacts_entity_id: false,
            entity_name: None,
            changes: None,
            // It is not known which of its fields must not reach a log.
            redactions: const { &[Redaction::mask("")] },
        }
    }

    fn description(&self) -> Option<String> {
        None
    }

    fn payload(&self) -> serde_json::Result<Value> {
        serde_json::from_str(self.payload.get())
    }

    fn payload_text(&self) -> serde_json::Result<String> {
        Ok(self.payload.get().to_owned())
    }

    fn json_size(&self) -> serde_json::Result<usize> {
        Ok(self.payload.get().len())
    }
}

/// Keeps a name for as long as the process runs. There are as many as other builds of the application have events.
fn keep(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = names.get(name) {
        return kept;
    }
    let kept: &'static str = Box::leak(name.into());
    names.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_event_keeps_its_payload_to_the_letter() {
        let payload = r#"{"amount":12345678901234567890123,"rate":0.1000}"#;
        let event = AnyEvent::unknown(Context::system(), "price.set", 3, payload).unwrap();
        assert_eq!((event.name(), event.version()), ("price.set", 3));
        assert_eq!(event.payload_text().unwrap(), payload);
        assert!(AnyEvent::unknown(Context::system(), "price.set", 3, "{").is_err());
    }

    #[test]
    fn nothing_of_an_unknown_event_reaches_a_log() {
        let payload = r#"{"name":"Ada","numbers":[{"iban":"DE02100100109307118603"}]}"#;
        let event = AnyEvent::unknown(Context::system(), "account.opened", 1, payload).unwrap();
        assert_eq!(event.redacted_payload(), Redaction::MASK);
        let text = event.redacted_text(&"Ada has DE02100100109307118603 already");
        assert_eq!(text, "[redacted] has [redacted] already");
        assert_eq!(event.payload().unwrap()["name"], "Ada", "its handlers get it");
    }
}
