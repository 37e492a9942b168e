//! The handler that records events.

mod busy_chains;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use cqrs_core::handler::BatchPolicy;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{
    AnyEvent, Batch, BatchEventHandler, Context, Handler, HandlerError, HandlerOptions,
    HandlerResult, RetryPolicy,
};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::{Builder, Uuid};

use self::busy_chains::BusyChains;
use crate::content::{Content, micros, omitted, tenant_column, to_json};
use crate::entry::Outcome;
use crate::error::RecordError;
use crate::log::ActivityLog;
use crate::store::is_transient;

/// Records every event, except those with `activity = false`.
pub(crate) struct Recorder {
    log: ActivityLog,
    busy: BusyChains,
}

/// Replaces a payload that could not be read back. Publishing already refuses such payloads.
const TOO_DEEP: &str = "\"[left out: nested too deeply]\"";

/// How many events one transaction records at most.
const BATCH: usize = 500;

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How long the database may take each time that an attempt records its batch.
const RECORDING_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an attempt records again while the database is away. Together with one more
/// [`RECORDING_TIMEOUT`], that is less than [`TIMEOUT`].
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an attempt waits before it records again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long events wait whose chain another process has locked.
const BUSY: Duration = Duration::from_secs(15);

impl Recorder {
    /// The handler `activity-log` of all events.
    ///
    /// One batch at a time, because a tenant's chain has one end. The database may be away for about an hour.
    /// Meanwhile publishers wait if the queue is full, but nothing is lost.
    pub(crate) fn registration(log: ActivityLog) -> HandlerRegistration {
        let retry =
            RetryPolicy::exponential(250, Duration::from_millis(100), Duration::from_secs(30));
        let options = HandlerOptions::DEFAULT.retry(retry).concurrency(1).timeout(Some(TIMEOUT));
        let recorder = Self { log, busy: BusyChains::default() };
        Handler::batches("activity-log", BatchPolicy::new(BATCH).across_tenants(), recorder)
            .on_any()
            .options(options)
            .into()
    }

    /// Records the batch, all or nothing, except the events of tenants whose chain another process has locked.
    /// Those are retried later.
    async fn record(&self, batch: &Batch<AnyEvent>) -> Result<(), RecordError> {
        let contents = batch.iter().filter_map(|item| self.content(item.as_any())).collect();
        let recording = self.busy.append_around(&self.log, contents);
        let Ok(recorded) = tokio::time::timeout(RECORDING_TIMEOUT, recording).await else {
            return Err(sqlx::Error::Io(ErrorKind::TimedOut.into()).into());
        };
        let busy = recorded?;
        if busy.is_empty() {
            return Ok(());
        }
        for item in batch {
            if busy.contains(tenant_column(item.context().tenant())) {
                let error = "another process holds the chain of the tenant's activity log";
                item.fail(HandlerError::msg(error).retry_after(BUSY));
            }
        }
        Ok(())
    }

    /// The columns of an event's entry; `None`, if the event is not recorded.
    fn content(&self, event: &AnyEvent) -> Option<Content> {
        if !event.is_activity() {
            return None;
        }
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
            // Nothing is guessed: what the event does not say is shown by its name.
            action: event.action().unwrap_or_else(|| event.name()).to_owned(),
            entity_type: event.entity().unwrap_or_default().to_owned(),
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
    /// After a failure, each event is tried alone, so that one that cannot be recorded does not hold back others.
    ///
    /// While the database is away, no event is the cause, so the batch stays together. The first failure is
    /// reported for each event, so that it is seen at once; after that, the batch waits here and logs one warning.
    async fn handle_batch(&self, batch: &Batch<AnyEvent>, _ctx: &Context) -> HandlerResult {
        let started = Instant::now();
        let is_new = batch.iter().all(|item| item.context().attempt() == 1);
        loop {
            let error: RecordError = match self.record(batch).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_permanent() => {
                    return Err(HandlerError::new(error).permanent());
                }
                Err(RecordError::Database(error)) if is_transient(&error) => error.into(),
                Err(error) => return Err(error.into()),
            };
            if is_new || started.elapsed() > PATIENCE {
                let error = Arc::new(error);
                for item in batch {
                    item.fail(HandlerError::new(Arc::clone(&error)).retry_after(PAUSE));
                }
                return Ok(());
            }
            tracing::warn!(
                entries = batch.len(), %error, retry_in = ?PAUSE,
                "the activity log's database is away; its entries wait"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The event's id and the time in it. An id without a time is replaced by one of 1970 that is derived from it, so
/// that the event is still recorded once.
fn id_and_time(event: &AnyEvent) -> (Uuid, Timestamp) {
    let (id, time) = (event.id(), event.occurred_at());
    if id.get_version_num() == 7 && time > Timestamp::UNIX_EPOCH {
        return (id, time);
    }
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&Sha256::digest(id.as_bytes())[..10]);
    (Builder::from_unix_timestamp_millis(0, &bytes).into_uuid(), Timestamp::UNIX_EPOCH)
}
