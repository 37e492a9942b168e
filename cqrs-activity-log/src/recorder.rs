//! The handler that records events.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use cqrs_core::{
    AnyEvent, Batch, BatchEventHandler, BatchPolicy, Context, Handler, HandlerError,
    HandlerOptions, HandlerRegistration, HandlerResult, RetryPolicy,
};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::{Builder, Uuid};

use crate::content::{Content, micros, omitted, tenant_column, to_json};
use crate::entry::Outcome;
use crate::error::RecordError;
use crate::held::Held;
use crate::log::ActivityLog;

/// Records every event that has an entity and an action.
pub(crate) struct Recorder {
    log: ActivityLog,
    held: Held,
}

/// What stands in the place of a payload that could not be read back. Publishing refuses those already.
const TOO_DEEP: &str = "\"[left out: nested too deeply]\"";

/// How many events one transaction records at most.
const BATCH: usize = 500;

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How long the database may take for one try of an attempt.
const TRY: Duration = Duration::from_secs(30);

/// How long an attempt tries again while the database is away. With one more try, that is less than its
/// time-out.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it waits before it tries again.
const AGAIN: Duration = Duration::from_secs(1);

/// When somebody else holds a chain, how long its events wait.
const HELD: Duration = Duration::from_secs(15);

impl Recorder {
    /// The handler `activity-log` of all events.
    ///
    /// One batch at a time, since a tenant's chain has one end. The database may be away for about an hour:
    /// then the log is behind, and publishers wait once its queue is full, but nothing is lost.
    pub(crate) fn registration(log: ActivityLog) -> HandlerRegistration {
        let retry =
            RetryPolicy::exponential(250, Duration::from_millis(100), Duration::from_secs(30));
        let options = HandlerOptions::DEFAULT.retry(retry).concurrency(1).timeout(Some(TIMEOUT));
        let recorder = Self { log, held: Held::default() };
        Handler::batches("activity-log", BatchPolicy::new(BATCH).across_tenants(), recorder)
            .on_any()
            .options(options)
            .into()
    }

    /// Records what is in the batch, all or nothing, but for tenants whose chain somebody else holds.
    /// Theirs come again later.
    async fn record(&self, batch: &Batch<AnyEvent>) -> Result<(), RecordError> {
        let contents = batch.iter().filter_map(|item| self.content(item.as_any())).collect();
        let recording = self.held.append_around(&self.log, contents);
        let Ok(recorded) = tokio::time::timeout(TRY, recording).await else {
            return Err(sqlx::Error::Io(ErrorKind::TimedOut.into()).into());
        };
        let held = recorded?;
        if held.is_empty() {
            return Ok(());
        }
        for item in batch {
            if held.contains(tenant_column(item.context().tenant())) {
                let error = "another process holds the chain of the tenant's activity log";
                item.fail(HandlerError::msg(error).retry_after(HELD));
            }
        }
        Ok(())
    }

    /// What the log says about an event, if anything.
    fn content(&self, event: &AnyEvent) -> Option<Content> {
        if !event.is_activity() {
            return None;
        }
        let (entity, action) = (event.entity()?, event.action()?);
        let (id, occurred_at) = id_and_time(event);
        let base = Content::of(event.context());
        let hash = |value: &Value| self.log.redaction_key().hash(&base.tenant, value);
        let changes = event.redacted_changes_with(hash).map(|changes| {
            to_json(&changes).unwrap_or_else(|_| omitted(changes.len() + changes.omitted()))
        });
        let payload = event.redacted_payload_with(hash);
        let mut content = Content {
            id,
            may_be_known: true,
            action: action.to_owned(),
            entity_type: entity.to_owned(),
            entity_id: event.redacted_entity_id_with(hash),
            entity_name: event.entity_name().map(ToString::to_string),
            changes,
            data: Some(to_json(&payload).unwrap_or_else(|_| TOO_DEEP.to_owned())),
            event_name: Some(event.name().to_owned()),
            event_version: Some(i64::from(event.version())),
            causation_id: event.context().causation_id(),
            occurred_at: micros(occurred_at),
            outcome: Outcome::Succeeded.as_str().to_owned(),
            ..base
        };
        content.description = event.description().unwrap_or_else(|| content.default_description());
        content.fit(self.log.limits());
        Some(content)
    }
}

impl BatchEventHandler<AnyEvent> for Recorder {
    /// After a failure, each is tried alone, so that one that cannot be recorded keeps no other from it.
    ///
    /// While the database is away, none of them is to blame: they stay together. The first failure is one of
    /// each, so that it is seen at once; from then on, the batch waits here, and says so once for all.
    async fn handle_batch(&self, batch: &Batch<AnyEvent>, _ctx: &Context) -> HandlerResult {
        let begun = Instant::now();
        let is_new = batch.iter().all(|item| item.attempt() == 1);
        loop {
            let error = match self.record(batch).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_permanent() => {
                    return Err(HandlerError::new(error).permanent());
                }
                Err(error) if !error.is_passing() => return Err(error.into()),
                Err(error) => error,
            };
            if is_new || begun.elapsed() > PATIENCE {
                let error = Arc::new(error);
                for item in batch {
                    item.fail(HandlerError::new(Arc::clone(&error)).retry_after(AGAIN));
                }
                return Ok(());
            }
            tracing::warn!(
                entries = batch.len(), %error, retry_in = ?AGAIN,
                "the activity log's database is away; what is to be recorded waits"
            );
            tokio::time::sleep(AGAIN).await;
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
