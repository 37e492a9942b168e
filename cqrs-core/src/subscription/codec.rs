//! Events as the log keeps them, and back.

use std::any::TypeId;
use std::borrow::Cow;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::context::Context;
use crate::log::{LogEvent, LoggedEvent, Position, stable_hash};
use crate::message::{AnyEvent, Decode};

/// Writes events for the log, and reads them by their names.
pub(crate) struct Codec {
    /// By the event's name.
    events: FxHashMap<&'static str, (TypeId, Decode)>,
    shards: u16,
}

/// An event that was read from the log.
pub(crate) struct Read {
    pub(crate) position: Position,
    pub(crate) shard: u16,
    /// The stable hash of its order key.
    pub(crate) key: Option<u64>,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Event(AnyEvent),
    /// The payload or the context does not have the form that this build expects.
    Unreadable {
        event: Option<TypeId>,
        logged: Box<LoggedEvent>,
        error: String,
    },
}

impl Read {
    pub(super) fn id(&self) -> Uuid {
        match &self.content {
            Content::Event(event) => event.id(),
            Content::Unreadable { logged, .. } => logged.event.id,
        }
    }
}

impl Codec {
    pub(crate) fn new(events: impl Iterator<Item = (&'static str, TypeId, Decode)>) -> Self {
        let events = events.map(|(name, event, decode)| (name, (event, decode)));
        Self { events: events.collect(), shards: 1 }
    }

    /// The same for a log with so many shards.
    pub(crate) fn with_shards(self, shards: u16) -> Self {
        Self { shards: shards.max(1), ..self }
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

    pub(super) fn shard_of(&self, event: &AnyEvent) -> u16 {
        let tenant = event.context().tenant_id().map(ToString::to_string);
        self.shard(tenant.as_deref().unwrap_or_default())
    }

    fn shard(&self, tenant: &str) -> u16 {
        u16::try_from(stable_hash(&[tenant]) % u64::from(self.shards)).unwrap_or_default()
    }

    pub(crate) fn decode(&self, logged: LoggedEvent) -> Read {
        let LoggedEvent { position, event, .. } = &logged;
        let (position, shard, key) = (*position, event.shard, event.key);
        let known = self.events.get(&*event.name).copied();
        let decoded =
            serde_json::from_str::<Context>(&event.context).and_then(|context| match known {
                Some((_, decode)) => decode(context, event.version, &event.payload),
                None => AnyEvent::unknown(context, &event.name, event.version, &event.payload),
            });
        let content = match decoded {
            Ok(event) => Content::Event(event),
            Err(error) => Content::Unreadable {
                event: known.map(|(event, _)| event),
                error: format!("the event cannot be read: {error}"),
                logged: Box::new(logged),
            },
        };
        Read { position, shard, key, content }
    }

    /// An event that this process has appended itself, without reading it back.
    pub(crate) fn own(position: Position, logged: &LogEvent, event: AnyEvent) -> Read {
        let LogEvent { shard, key, .. } = *logged;
        Read { position, shard, key, content: Content::Event(event) }
    }

    /// The event as a dead letter keeps it.
    pub(crate) fn logged(
        &self,
        position: Position,
        event: &AnyEvent,
    ) -> serde_json::Result<LoggedEvent> {
        Ok(LoggedEvent { position, at: Timestamp::now(), event: self.encode(event)? })
    }
}
