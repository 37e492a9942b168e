//! Removing what is old.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cqrs_core::{Actor, Context, TenantScope};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::activity::Activity;
use crate::content::{micros, tenant_column};
use crate::entry::EntryHash;
use crate::error::{RecordError, RetentionError};
use crate::log::{ActivityLog, Shared};
use crate::store::{Link, Row, scope};

/// How many tenants are read at a time.
const TENANTS: u32 = 500;

/// How long entries are kept, in days of 24 hours since they were recorded, for all tenants or for each.
///
/// ```
/// # use std::time::Duration;
/// use cqrs_activity_log::Retention;
/// use cqrs_core::{TenantId, TenantScope};
///
/// let acme = TenantScope::Tenant(TenantId::new("acme")?);
/// let retention = Retention::days(365)                       // all tenants, and the system scope
///     .keep_forever(TenantScope::System)
///     .days_for(acme, 90)
///     .every(Duration::from_secs(60 * 60));                  // unless set
/// # let _ = retention;
/// # Ok::<(), cqrs_core::InvalidTenant>(())
/// ```
///
/// A plugin's log applies it in the background from `App::start` to `App::shutdown`, so an application with
/// a retention must be started: until then its event handlers do not run. [`ActivityLog::apply_retention`]
/// does it once, by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    days: Option<u32>,
    of_tenants: HashMap<TenantScope, Option<u32>>,
    every: Duration,
}

impl Retention {
    /// Keeps everybody's entries for as many days; 0 counts as 1.
    pub fn days(days: u32) -> Self {
        Self { days: Some(days.max(1)), ..Self::forever() }
    }

    /// Keeps everybody's entries, but for those named next.
    pub fn forever() -> Self {
        Self { days: None, of_tenants: HashMap::new(), every: Duration::from_hours(1) }
    }

    /// Keeps the entries of one tenant for as many days; 0 counts as 1.
    pub fn days_for(mut self, tenant: TenantScope, days: u32) -> Self {
        self.of_tenants.insert(tenant, Some(days.max(1)));
        self
    }

    /// Keeps the entries of one tenant.
    pub fn keep_forever(mut self, tenant: TenantScope) -> Self {
        self.of_tenants.insert(tenant, None);
        self
    }

    /// How often it is applied: every hour unless set, at most every second.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.max(Duration::from_secs(1));
        self
    }

    /// What the tenant has from before this time is removed.
    fn older_than(&self, tenant: &TenantScope, now: Timestamp) -> Option<Timestamp> {
        let days = (*self.of_tenants.get(tenant).unwrap_or(&self.days))?;
        let age = SignedDuration::from_hours(24 * i64::from(days));
        now.checked_sub(age).ok()
    }
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// How many entries.
    pub entries: u64,
}

impl ActivityLog {
    /// Removes the tenant's entries that were recorded before `older_than`, a thousand at a time, and
    /// records that as an entry of its own: `pruned`, `ActivityLog`. The rest stays verifiable.
    ///
    /// Where all that is so old is such entries, they stay until something else is.
    ///
    /// It counts when an entry was recorded, not when it occurred: what was imported yesterday is a day old.
    ///
    /// Cancel safe: dropped midway, some entries are removed, and the rest stays verifiable; do it again.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when the end of the chain has been tampered with, or the database fails. What was
    /// removed before that stays removed.
    pub async fn prune(&self, ctx: &Context, older_than: Timestamp) -> Result<Pruned, RecordError> {
        let tenant = tenant_column(ctx.tenant());
        let older_than = older_than.min(Timestamp::now());
        let mut pruned = Pruned::default();
        let Some(base) = self.database().last_before(tenant, micros(older_than)).await? else {
            return Ok(pruned);
        };
        // Or else a tenant where nothing happens would get a new announcement for the last one, for ever.
        if !self.database().has_others(tenant, base.sequence, (ACTION, ENTITY)).await? {
            return Ok(pruned);
        }
        // First, so that no entry goes missing that a later one does not account for.
        self.record_own(ctx, vec![announcement(base, older_than)]).await?;
        loop {
            match self.database().prune_some(tenant, base.sequence).await? {
                0 => return Ok(pruned),
                entries => pruned.entries += entries,
            }
        }
    }

    /// Applies the retention that was set once, to all tenants: where that fails for one, also to those
    /// after it.
    ///
    /// Cancel safe, as [`prune`](Self::prune) is.
    ///
    /// # Errors
    ///
    /// [`RetentionError`] with the tenants for which it failed, or when the database fails.
    pub async fn apply_retention(&self) -> Result<Pruned, RetentionError> {
        let (mut pruned, mut failed) = (Pruned::default(), Vec::new());
        let Some(retention) = self.retention() else { return Ok(pruned) };
        let mut last: Option<String> = None;
        loop {
            let columns = self.database().tenants_after(last.as_deref(), TENANTS).await?;
            for column in &columns {
                let Some(tenant) = scope(column) else {
                    tracing::error!(
                        column,
                        "a chain of the activity log is no tenant's: tampered with"
                    );
                    continue;
                };
                let Some(time) = retention.older_than(&tenant, Timestamp::now()) else { continue };
                let ctx = Context::new(tenant.clone()).with_actor(Actor::system("retention"));
                match self.prune(&ctx, time).await {
                    Ok(Pruned { entries }) => pruned.entries += entries,
                    Err(error) => {
                        tracing::warn!(%tenant, %error, "the activity log could not be pruned");
                        failed.push((tenant, error));
                    }
                }
            }
            match columns.into_iter().next_back() {
                Some(column) => last = Some(column),
                None if failed.is_empty() => return Ok(pruned),
                None => return Err(RetentionError::Tenants { pruned, failed }),
            }
        }
    }

    /// Applies the retention again and again, until it is aborted or nobody has the log any more.
    pub(crate) fn retain(&self) -> Option<JoinHandle<()>> {
        let every = self.retention()?.every;
        let shared = Arc::downgrade(self.shared());
        Some(tokio::spawn(async move {
            while let Some(shared) = shared.upgrade() {
                apply(shared).await;
                tokio::time::sleep(every).await;
            }
        }))
    }
}

async fn apply(shared: Arc<Shared>) {
    match ActivityLog::from(shared).apply_retention().await {
        Ok(Pruned { entries: 0 }) => {}
        Ok(Pruned { entries }) => tracing::info!(entries, "retention has pruned the activity log"),
        Err(error) => {
            tracing::warn!(%error, "retention of the activity log failed; tried again later");
        }
    }
}

const ACTION: &str = "pruned";
const ENTITY: &str = "ActivityLog";

/// Says up to where a chain is removed.
fn announcement(base: Link, older_than: Timestamp) -> Activity {
    let hash = base.hash.to_string();
    Activity::new(ACTION, ENTITY)
        .describe(format!("pruned entries up to {}, from before {older_than}", base.sequence))
        .data(json!({ "base": { "sequence": base.sequence, "hash": hash } }))
}

/// Whether it is one that only retention records, or else anybody could account for what they remove.
pub(crate) fn is_reserved(action: &str, entity_type: &str) -> bool {
    action == ACTION && entity_type == ENTITY
}

/// Up to where a chain was removed, as this entry says.
pub(crate) fn named_base(row: &Row) -> Option<Link> {
    let content = &row.content;
    if !is_reserved(&content.action, &content.entity_type) || content.event_name.is_some() {
        return None;
    }
    let data: serde_json::Value = serde_json::from_str(content.data.as_ref()?).ok()?;
    let base = data.get("base")?;
    let hash: EntryHash = base.get("hash")?.as_str()?.parse().ok()?;
    Some(Link { sequence: base.get("sequence")?.as_i64()?, hash })
}
