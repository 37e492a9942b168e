//! The handler that records events.

use std::time::Duration;

use cqrs_core::{
    AnyEvent, Context, EventHandler, HandlerError, HandlerOptions, HandlerResult, RetryPolicy,
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::content::{Content, micros};
use crate::entry::Outcome;
use crate::log::ActivityLog;

/// Records every event that has an entity and an action.
pub(crate) struct Recorder {
    log: ActivityLog,
}

/// One at a time, since a tenant's chain has one end. The database may be away for about an hour: then the
/// log is behind, and publishers wait once its queue is full, but nothing is lost.
pub(crate) fn options() -> HandlerOptions {
    let retry = RetryPolicy::exponential(250, Duration::from_millis(100), Duration::from_secs(30));
    HandlerOptions::DEFAULT.retry(retry).concurrency(1).timeout(Some(Duration::from_mins(1)))
}

impl Recorder {
    pub(crate) fn new(log: ActivityLog) -> Self {
        Self { log }
    }

    /// What the log says about an event, if anything.
    fn content(&self, event: &AnyEvent) -> Option<Content> {
        let (entity, action) = (event.entity()?, event.action()?);
        let data = event.redacted_payload();
        let (id, occurred_at) = id_and_time(event);
        let mut content = Content {
            id,
            may_be_known: true,
            action: action.to_owned(),
            entity_type: entity.to_owned(),
            entity_id: event.entity_id().map(ToString::to_string),
            data: serde_json::to_string(&data).ok(),
            event_name: Some(event.name().to_owned()),
            event_version: Some(i64::from(event.version())),
            causation_id: event.context().causation_id(),
            occurred_at: micros(occurred_at),
            outcome: Outcome::Succeeded.as_str().to_owned(),
            ..Content::of(event.context())
        };
        content.description = content.default_description();
        content.fit(self.log.limits());
        Some(content)
    }
}

impl EventHandler<AnyEvent> for Recorder {
    async fn handle(&self, event: &AnyEvent, _ctx: &Context) -> HandlerResult {
        let contents: Vec<_> = self.content(event).into_iter().collect();
        match self.log.append(contents).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(HandlerError::new(error).permanent()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The event's id, which says when it occurred. One that does not, becomes one of 1970 that is always the
/// same, so that the event is recorded once.
fn id_and_time(event: &AnyEvent) -> (Uuid, Timestamp) {
    let (id, time) = (event.id(), event.occurred_at());
    if id.get_version_num() == 7 && time > Timestamp::UNIX_EPOCH {
        return (id, time);
    }
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&Sha256::digest(id.as_bytes())[..10]);
    (Builder::from_unix_timestamp_millis(0, &bytes).into_uuid(), Timestamp::UNIX_EPOCH)
}
