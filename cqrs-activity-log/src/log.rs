//! The log itself: recording.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cqrs_core::{Context, TenantScope};
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::activity::Activity;
use crate::content::{Content, Limits, micros};
use crate::entry::Entry;
use crate::error::RecordError;
use crate::policy::Retention;
use crate::redaction::RedactionKey;
use crate::store::Database;
use crate::tenant_locks::TenantLocks;

/// How many signals a reader can miss before it has to read the database instead.
const SIGNALS: usize = 1024;

/// The activity log: everything significant that happens in an application.
///
/// As a plugin, it records every event that has an entity and an action, and can be injected as a service.
/// Cloning is cheap and gives the same log.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("activity.db");
/// use cqrs_activity_log::{Activity, ActivityLog};
/// use cqrs_core::{Actor, Context};
///
/// let log = ActivityLog::sqlite(path).await?;
/// let ctx = Context::for_tenant("acme")?.with_actor(Actor::user(7).named("Ada"));
///
/// let entry = log.record(&ctx, Activity::new("exported", "Report").id(42).named("Q3")).await?;
/// assert_eq!(entry.description, "exported Report Q3");
/// # Ok(()) }
/// ```
///
/// Every method works inside the tenant of its context: it records, reads and verifies entries of this tenant
/// only. In the system scope, it uses only the entries of the product itself.
#[derive(Clone)]
pub struct ActivityLog {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    database: Database,
    redaction_key: RedactionKey,
    limits: Limits,
    retention: Option<Retention>,
    retaining: Mutex<Option<JoinHandle<()>>>,
    appended: broadcast::Sender<Appended>,
    searches: TenantLocks,
}

/// The tenant has entries up to this sequence.
#[derive(Debug, Clone)]
pub(crate) struct Appended {
    pub(crate) tenant: TenantScope,
    pub(crate) sequence: u64,
}

impl ActivityLog {
    pub(crate) fn new(
        database: Database,
        redaction_key: RedactionKey,
        limits: Limits,
        retention: Option<Retention>,
    ) -> Self {
        let (appended, _) = broadcast::channel(SIGNALS);
        let retaining = Mutex::default();
        let shared = Shared {
            database,
            redaction_key,
            limits,
            retention,
            retaining,
            appended,
            searches: TenantLocks::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Closes the connections after their current work. Everything fails from then on, in all clones.
    /// Calling it is optional: an entry is stored safely when `record` returns.
    pub async fn close(&self) {
        self.shared.database.close().await;
    }
}

/// Recording.
impl ActivityLog {
    /// How many activities [`record_all`](Self::record_all) accepts at once.
    pub const MAX_BATCH: usize = 10_000;

    /// Records an activity of the context's actor, in its tenant. The entry is stored safely when this returns.
    ///
    /// Not cancel safe: if the future is dropped, the entry may have been stored. After an error of the
    /// database it was not stored, unless the connection broke during the commit.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when the activity cannot be stored, the end of the chain has been tampered with, or the
    /// database fails. In Postgres, it also fails when another process locks the tenant's chain for 5 seconds,
    /// or other tasks of this process record for the same tenant for 30 seconds.
    pub async fn record(&self, ctx: &Context, activity: Activity) -> Result<Entry, RecordError> {
        let mut entries = self.record_all(ctx, vec![activity]).await?;
        entries.pop().ok_or(RecordError::Database(sqlx::Error::RowNotFound))
    }

    /// Records several activities at once, all or none of them, such as of an import: many times faster than
    /// one by one. The entries are in the order of the activities.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when there are more than [`MAX_BATCH`](Self::MAX_BATCH), one of them cannot be stored, the
    /// end of the chain has been tampered with, or the database fails.
    pub async fn record_all(
        &self,
        ctx: &Context,
        activities: Vec<Activity>,
    ) -> Result<Vec<Entry>, RecordError> {
        if activities.len() > Self::MAX_BATCH {
            return Err(RecordError::TooMany { given: activities.len(), limit: Self::MAX_BATCH });
        }
        if activities.iter().any(Activity::is_reserved) {
            return Err(RecordError::Invalid(
                "only retention records `pruned` of an `ActivityLog`; name the action or the \
                 entity type differently"
                    .to_owned(),
            ));
        }
        self.record_unchecked(ctx, activities).await
    }

    /// As [`record_all`](Self::record_all), also activities that only the log itself may record.
    pub(crate) async fn record_unchecked(
        &self,
        ctx: &Context,
        activities: Vec<Activity>,
    ) -> Result<Vec<Entry>, RecordError> {
        let now = Timestamp::now();
        let contents = activities
            .into_iter()
            .map(|activity| activity.into_content(ctx, now, self.shared.limits))
            .collect::<Result<_, _>>()?;
        self.append(contents).await
    }

    /// Adds what is not in the log yet, and notifies live readers.
    pub(crate) async fn append(&self, contents: Vec<Content>) -> Result<Vec<Entry>, RecordError> {
        let entries = self.shared.database.append(contents, micros(Timestamp::now())).await?;
        self.announce(&entries);
        Ok(entries)
    }

    /// As [`append`](Self::append), but skips tenants whose chain is locked, and returns what it skipped.
    pub(crate) async fn append_unlocked(
        &self,
        contents: Vec<Content>,
    ) -> Result<Vec<Content>, RecordError> {
        let now = micros(Timestamp::now());
        let (entries, skipped) = self.shared.database.append_unlocked(contents, now).await?;
        self.announce(&entries);
        Ok(skipped)
    }

    fn announce(&self, entries: &[Entry]) {
        for of_tenant in entries.chunk_by(|a, b| a.tenant == b.tenant) {
            let Some(last) = of_tenant.last() else { continue };
            let (tenant, sequence) = (last.tenant.clone(), last.sequence);
            // An error only means that there is no reader.
            let _ = self.shared.appended.send(Appended { tenant, sequence });
        }
    }
}

/// What the rest of the crate works with.
impl ActivityLog {
    pub(crate) fn database(&self) -> &Database {
        &self.shared.database
    }

    pub(crate) fn limits(&self) -> Limits {
        self.shared.limits
    }

    pub(crate) fn redaction_key(&self) -> &RedactionKey {
        &self.shared.redaction_key
    }

    pub(crate) fn retention(&self) -> Option<&Retention> {
        self.shared.retention.as_ref()
    }

    /// The task that applies the retention, if it runs.
    pub(crate) fn retaining(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.shared.retaining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whose turn it is to search without an index.
    pub(crate) fn searches(&self) -> &TenantLocks {
        &self.shared.searches
    }

    /// Receives which tenants get new entries from this process. New entries of other processes are only in the
    /// database.
    pub(crate) fn appended(&self) -> broadcast::Receiver<Appended> {
        self.shared.appended.subscribe()
    }
}

impl From<Arc<Shared>> for ActivityLog {
    fn from(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl fmt::Debug for ActivityLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityLog").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}
