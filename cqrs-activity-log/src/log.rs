//! The log itself.

use std::fmt;
#[cfg(feature = "sqlite")]
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cqrs_core::{Context, TenantScope};
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::activity::Activity;
use crate::content::{Content, Limits, micros};
use crate::entry::Entry;
use crate::error::{OpenError, ReadError, RecordError};
use crate::options::Options;
use crate::redaction::RedactionKey;
use crate::retention::Retention;
use crate::store::Database;

/// How many activities [`ActivityLog::record_all`] takes at once.
pub const MAX_BATCH: usize = 10_000;

/// How many signals a reader may be behind before it has to look for itself.
const SIGNALS: usize = 1024;

/// The activity log: everything significant that happens in an application.
///
/// As a plugin, it records every event that has an entity and an action, and offers itself as a service.
/// Cloning is cheap, and gives the same log.
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
/// Everything is done inside the context's tenant: its entries are recorded, read and verified, and those
/// of no other. In the system scope those are the entries of the product itself alone.
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
}

/// A tenant has entries up to this sequence.
#[derive(Debug, Clone)]
pub(crate) struct Appended {
    pub(crate) tenant: TenantScope,
    pub(crate) sequence: u64,
}

/// Opened and closed.
impl ActivityLog {
    /// Opens the log in this SQLite file, which is made where it is not there. Several processes of one
    /// machine may share it.
    ///
    /// # Errors
    ///
    /// [`OpenError`], such as when the file is no database, or a newer version of this crate has written
    /// it.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().sqlite(path).await
    }

    /// Opens the log in the Postgres database with this URL, such as `postgres://user@host/database`. Its
    /// tables lie in the first schema of the connection's `search_path`.
    ///
    /// # Errors
    ///
    /// [`OpenError`], such as when there is no such database, or a newer version of this crate has
    /// migrated it.
    #[cfg(feature = "postgres")]
    pub async fn postgres(url: &str) -> Result<Self, OpenError> {
        Self::options().postgres(url).await
    }

    /// Sets more than where the log is.
    pub fn options() -> Options {
        Options::default()
    }

    /// Closes its connections, after what they are doing. Everything fails from then on, in all clones.
    /// Not needed: what is recorded is safe when `record` returns.
    pub async fn close(&self) {
        self.shared.database.close().await;
    }

    pub(crate) fn new(database: Database, redaction_key: RedactionKey, options: Options) -> Self {
        let (appended, _) = broadcast::channel(SIGNALS);
        let Options { limits, retention, .. } = options;
        let retaining = Mutex::default();
        let shared = Shared { database, redaction_key, limits, retention, retaining, appended };
        Self { shared: Arc::new(shared) }
    }
}

/// Recording.
impl ActivityLog {
    /// Records what was done, by the context's actor, in its tenant. It is safely stored when this returns.
    ///
    /// Not cancel safe: when the returned future is dropped, the entry may have been stored. After an error
    /// of the database it was not, unless the connection broke while it was being stored.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when the activity is not one that can be kept, the end of the chain has been tampered
    /// with, or the database fails. In Postgres, it also does when another process holds the tenant's chain for
    /// 5 seconds, or others of this process are recording for the same tenant for 30.
    pub async fn record(&self, ctx: &Context, activity: Activity) -> Result<Entry, RecordError> {
        let mut entries = self.record_all(ctx, vec![activity]).await?;
        entries.pop().ok_or(RecordError::Database(sqlx::Error::RowNotFound))
    }

    /// Records several at once, all or none of them, such as of an import: many times faster than one by
    /// one. The entries come in the order of the activities.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when there are more than [`MAX_BATCH`], one is not one that can be kept, the end of
    /// the chain has been tampered with, or the database fails.
    pub async fn record_all(
        &self,
        ctx: &Context,
        activities: Vec<Activity>,
    ) -> Result<Vec<Entry>, RecordError> {
        if activities.len() > MAX_BATCH {
            return Err(RecordError::TooMany { given: activities.len(), limit: MAX_BATCH });
        }
        if activities.iter().any(Activity::is_reserved) {
            return Err(RecordError::Invalid(
                "`pruned` of an `ActivityLog` is what retention alone records; name the action or the \
                 entity type differently"
                    .to_owned(),
            ));
        }
        self.record_own(ctx, activities).await
    }

    /// As [`record_all`](Self::record_all), also what only the log itself records.
    pub(crate) async fn record_own(
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

    /// Adds what is not there yet, and says so to those who wait for it.
    pub(crate) async fn append(&self, contents: Vec<Content>) -> Result<Vec<Entry>, RecordError> {
        let entries = self.shared.database.append(contents, micros(Timestamp::now())).await?;
        self.announce(&entries);
        Ok(entries)
    }

    /// As [`append`](Self::append), but waits for nobody who is recording for the same tenants, and gives
    /// back what is left because of that.
    pub(crate) async fn append_free(
        &self,
        contents: Vec<Content>,
    ) -> Result<Vec<Content>, RecordError> {
        let now = micros(Timestamp::now());
        let (entries, left) = self.shared.database.append_free(contents, now).await?;
        self.announce(&entries);
        Ok(left)
    }

    fn announce(&self, entries: &[Entry]) {
        for of_tenant in entries.chunk_by(|a, b| a.tenant == b.tenant) {
            let Some(last) = of_tenant.last() else { continue };
            let (tenant, sequence) = (last.tenant.clone(), last.sequence);
            // An error says that nobody waits.
            let _ = self.shared.appended.send(Appended { tenant, sequence });
        }
    }
}

/// Reading.
impl ActivityLog {
    /// The tenant's entry with this id.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the database fails, or the entry has been altered.
    pub async fn get(&self, ctx: &Context, id: Uuid) -> Result<Option<Entry>, ReadError> {
        self.shared.database.entry(ctx.tenant(), id).await
    }

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

    /// What applies the retention, if something does.
    pub(crate) fn retaining(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.shared.retaining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Says from now on which tenants have new entries that this process has recorded. Those of other
    /// processes have to be looked for.
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
