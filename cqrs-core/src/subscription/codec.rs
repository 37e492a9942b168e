//! Events as the log keeps them, and back.

use std::any::TypeId;
use std::borrow::Cow;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::context::{Context, TenantId, TenantScope};
use crate::lane::Deferred;
use crate::log::{
    Entry, LogEvent, LoggedEvent, Position, ScheduledEvent, SubscriptionId, stable_hash,
};
use crate::message::{AnyEvent, Decoder};
use crate::payload;

/// Writes events for the log, and reads them by their names.
pub(crate) struct Codec {
    /// By the event's name.
    events: FxHashMap<&'static str, Decoder>,
    shards: u16,
}

/// An event that was read from the log.
pub(crate) struct Read {
    pub(crate) position: Position,
    pub(crate) shard: u16,
    /// The stable hash of its order key.
    pub(crate) key: Option<u64>,
    /// The subscription that it is for, if it is not for all.
    pub(crate) only_for: Option<SubscriptionId>,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Event(AnyEvent),
    /// The payload or the context does not have the form that this build expects.
    Unreadable {
        event: Option<TypeId>,
        logged: Box<LoggedEvent>,
        error: String,
        /// Whether a newer build has published it, and can read it.
        is_newer: bool,
    },
}

impl Read {
    /// Whose event it is.
    pub(super) fn tenant(&self) -> Cow<'_, TenantScope> {
        match &self.content {
            Content::Event(event) => Cow::Borrowed(event.context().tenant()),
            Content::Unreadable { logged, .. } => {
                let tenant = logged.event.tenant.as_ref().and_then(|it| TenantId::new(it).ok());
                Cow::Owned(tenant.map_or(TenantScope::System, TenantScope::Tenant))
            }
        }
    }

    pub(super) fn id(&self) -> Uuid {
        match &self.content {
            Content::Event(event) => event.id(),
            Content::Unreadable { logged, .. } => logged.event.id,
        }
    }
}

impl Codec {
    pub(crate) fn new(events: impl Iterator<Item = Decoder>) -> Self {
        Self { events: events.map(|it| (it.name, it)).collect(), shards: 1 }
    }

    /// The same for a log with so many shards.
    pub(crate) fn with_shards(self, shards: u16) -> Self {
        Self { shards: shards.max(1), ..self }
    }

    /// The function that reads events of this name.
    pub(crate) fn decoder(&self, name: &str) -> Option<Decoder> {
        self.events.get(name).copied()
    }

    /// The names of all events that this build knows.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.events.keys().copied()
    }

    /// The event as text, with its shard and its key.
    pub(crate) fn encode(&self, event: &AnyEvent) -> serde_json::Result<LogEvent> {
        let ctx = event.context();
        let tenant = ctx.tenant_id().map(ToString::to_string);
        let scope = tenant.as_deref().unwrap_or_default();
        let entity_id = event.entity_id().map(ToString::to_string);
        let key = match event.ordered_by() {
            (entity, Some(value)) => {
                Some(stable_hash(&[scope, entity.unwrap_or_default(), &value.to_string()]))
            }
            (_, None) => None,
        };
        Ok(LogEvent {
            id: event.id(),
            name: Cow::Borrowed(event.name()),
            version: event.version(),
            shard: self.shard(scope),
            key,
            entity: event.entity().map(Cow::Borrowed),
            entity_id,
            context: serde_json::to_string(ctx)?,
            payload: event.payload_text()?,
            tenant,
        })
    }

    /// What a unit of work has published, as one entry, with those events that are appended now.
    pub(super) fn entry(
        &self,
        deferred: impl IntoIterator<Item = Deferred>,
    ) -> serde_json::Result<(Entry, Vec<AnyEvent>)> {
        let (mut entry, mut events) = (Entry::default(), Vec::new());
        for Deferred { event, due, .. } in deferred {
            let encoded = self.encode(&event)?;
            if let Some(due) = due {
                entry.scheduled.push(ScheduledEvent { due, event: encoded });
            } else {
                entry.events.push(encoded);
                events.push(event);
            }
        }
        Ok((entry, events))
    }

    pub(super) fn shard_of(&self, event: &AnyEvent) -> u16 {
        let tenant = event.context().tenant_id().map(ToString::to_string);
        self.shard(tenant.as_deref().unwrap_or_default())
    }

    fn shard(&self, tenant: &str) -> u16 {
        u16::try_from(stable_hash(&[tenant]) % u64::from(self.shards)).unwrap_or_default()
    }

    pub(crate) fn decode(&self, logged: LoggedEvent) -> Read {
        let LoggedEvent { position, only_for, event, .. } = &logged;
        let (position, shard, key, only_for) = (*position, event.shard, event.key, *only_for);
        let known = self.events.get(&*event.name).copied();
        let decoded =
            serde_json::from_str::<Context>(&event.context).and_then(|context| match known {
                Some(known) => (known.decode)(context, event.version, &event.payload),
                None => AnyEvent::unknown(context, &event.name, event.version, &event.payload),
            });
        let content = match decoded {
            Ok(event) => Content::Event(event),
            Err(error) => Content::Unreadable {
                event: known.map(|known| known.event),
                is_newer: known.is_some_and(|known| event.version > known.version),
                error: payload::mask_all_in_text(
                    &logged.event.payload,
                    format!("the event cannot be read: {error}"),
                ),
                logged: Box::new(logged),
            },
        };
        Read { position, shard, key, only_for, content }
    }

    /// An event that this process has appended itself, without reading it back.
    pub(crate) fn own(position: Position, logged: &LogEvent, event: AnyEvent) -> Read {
        let LogEvent { shard, key, .. } = *logged;
        Read { position, shard, key, only_for: None, content: Content::Event(event) }
    }

    /// The event for people, also if this build cannot read it.
    pub(crate) fn show(&self, event: &LogEvent) -> AnyEvent {
        let context = serde_json::from_str::<Context>(&event.context);
        let context = context.or_else(|error| match &event.tenant {
            Some(tenant) => Context::for_tenant(&**tenant).map_err(|_| error),
            None => Ok(Context::system()),
        });
        let context = context.unwrap_or_else(|_| Context::system());
        let known = self
            .events
            .get(&*event.name)
            .and_then(|it| (it.decode)(context.clone(), event.version, &event.payload).ok());
        let unknown = |payload: &str| {
            AnyEvent::unknown(context.clone(), &event.name, event.version, payload).ok()
        };
        let text = || serde_json::Value::from(&*event.payload).to_string();
        let shown = known.or_else(|| unknown(&event.payload)).or_else(|| unknown(&text()));
        shown.expect("a JSON string is JSON")
    }

    /// The event with another payload.
    pub(crate) fn with_payload(
        &self,
        event: &AnyEvent,
        payload: &str,
    ) -> serde_json::Result<AnyEvent> {
        let (context, version) = (event.context().clone(), event.version());
        match self.events.get(event.name()) {
            Some(known) => (known.decode)(context, version, payload),
            None => AnyEvent::unknown(context, event.name(), version, payload),
        }
    }

    /// The event as a dead letter keeps it.
    pub(crate) fn logged(
        &self,
        position: Position,
        event: &AnyEvent,
    ) -> serde_json::Result<LoggedEvent> {
        let (at, event) = (Timestamp::now(), self.encode(event)?);
        Ok(LoggedEvent { position, at, only_for: None, event })
    }
}

#[cfg(test)]
mod tests {
    use serde::de::Error as _;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::*;
    use crate::message::Event;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Worked {
        minutes: u64,
        rate: f64,
        #[serde(default)]
        offset: i128,
    }

    impl Event for Worked {
        const NAME: &'static str = "worked";
        const VERSION: u32 = 4;

        fn upcast(from: u32, mut payload: Value) -> serde_json::Result<Value> {
            match from {
                2 => {
                    let minutes = payload["time"].as_u64();
                    let minutes = minutes.ok_or_else(|| serde_json::Error::custom("no `time`"))?;
                    Ok(json!({ "minutes": minutes, "pay": payload["pay"] }))
                }
                3 => {
                    let rate = payload["pay"].as_array().expect("a list")[0].clone();
                    payload["rate"] = rate;
                    Ok(payload)
                }
                _ => crate::message::no_upcast(),
            }
        }
    }

    /// Its `Deserialize` panics.
    #[derive(Serialize)]
    struct Broken;

    impl<'de> Deserialize<'de> for Broken {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("boom")
        }
    }

    impl Event for Broken {
        const NAME: &'static str = "broken";
    }

    fn codec() -> Codec {
        Codec::new([Decoder::of::<Worked>(), Decoder::of::<Broken>()].into_iter())
    }

    fn decode(name: &'static str, version: u32, payload: &str) -> Content {
        let event = AnyEvent::new(Context::system(), Broken);
        let event = codec().encode(&event).unwrap();
        let event = LogEvent { name: name.into(), version, payload: payload.to_owned(), ..event };
        codec()
            .decode(LoggedEvent {
                position: Position(1),
                at: Timestamp::now(),
                only_for: None,
                event,
            })
            .content
    }

    fn worked(version: u32, payload: &str) -> Result<Worked, String> {
        match decode(Worked::NAME, version, payload) {
            Content::Event(event) => {
                assert_eq!(event.version(), Worked::VERSION);
                let Worked { minutes, rate, offset } = *event.downcast_ref().unwrap();
                Ok(Worked { minutes, rate, offset })
            }
            Content::Unreadable { event, error, .. } => {
                assert_eq!(event, Some(TypeId::of::<Worked>()));
                Err(error)
            }
        }
    }

    #[test]
    fn an_event_is_written_with_its_version() {
        let event = Worked { minutes: 1, rate: 0.5, offset: 0 };
        let logged = codec().encode(&AnyEvent::new(Context::system(), event)).unwrap();
        assert_eq!(logged.version, 4);
        assert_eq!(logged.payload, r#"{"minutes":1,"rate":0.5,"offset":0}"#);
    }

    #[test]
    fn an_older_payload_goes_through_each_version_and_keeps_its_numbers() {
        // `serde_json` reads another number from this text without its feature `float_roundtrip`.
        const RATE: f64 = 1_999.919_999_999_999_8;
        let expected = |minutes, offset| Ok(Worked { minutes, rate: RATE, offset });

        let minutes = (1 << 53) + 1;
        let payload = format!(r#"{{"time":{minutes},"pay":[{RATE}]}}"#);
        assert_eq!(worked(2, &payload), expected(minutes, 0));
        let (minutes, offset) = (u64::MAX, i64::MIN);
        let payload = format!(r#"{{"minutes":{minutes},"pay":[{RATE}],"offset":{offset}}}"#);
        assert_eq!(worked(3, &payload), expected(minutes, offset.into()));
        // Without an upcast, numbers may have more than 64 bits.
        let offset = i128::MIN;
        let payload = format!(r#"{{"minutes":{minutes},"rate":{RATE},"offset":{offset}}}"#);
        assert_eq!(worked(4, &payload), expected(minutes, offset));
    }

    #[test]
    fn what_cannot_be_upcast_is_unreadable_with_the_reason() {
        for (version, payload, reason) in [
            (0, "{}", "its upcast from version 0 to 1: the event has no function for this version"),
            (1, "{}", "its upcast from version 1 to 2: the event has no function for this version"),
            (2, "{}", "its upcast from version 2 to 3: no `time`"),
            (2, "{", "EOF while parsing an object at line 1 column 1"),
            (3, "{}", "its upcast from version 3 to 4: a panic: a list"),
            (
                3,
                r#"{"pay":[1]}"#,
                "its payload, upcast from version 3 to 4: missing field `minutes`",
            ),
            (
                4,
                "[]",
                "invalid length 0, expected struct Worked with 3 elements at line 1 column 2",
            ),
            (
                4,
                r#"{"minutes":"ada's \"pin\""}"#,
                "invalid type: string [redacted], expected u64 at line 1 column 26",
            ),
            (
                5,
                r#"{"minutes":1,"rate":1.0}"#,
                "it has version 5, and this build knows `worked` up to version 4; it waits for \
                 a build that knows version 5",
            ),
        ] {
            let reason = format!("the event cannot be read: {reason}");
            assert_eq!(worked(version, payload), Err(reason), "{version} {payload}");
        }
    }

    #[test]
    fn a_panic_in_deserialize_makes_an_event_unreadable() {
        let Content::Unreadable { error, .. } = decode(Broken::NAME, 1, "null") else {
            panic!("it is unreadable");
        };
        assert_eq!(error, "the event cannot be read: a panic: boom");
    }

    #[test]
    fn an_unknown_event_keeps_its_version() {
        let Content::Event(event) = decode("other", 7, "null") else { panic!("it is known raw") };
        assert_eq!((event.name(), event.version()), ("other", 7));
    }
}
