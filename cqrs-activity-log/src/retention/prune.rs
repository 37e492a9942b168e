//! Removing what is old, of one tenant or by the retention of the log.

use std::sync::Arc;

use cqrs_core::{Actor, Context};
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::announcement::announcement;
use super::{Pruned, RetentionError};
use crate::activity::Activity;
use crate::content::{micros, tenant_column, tenant_scope};
use crate::error::RecordError;
use crate::log::{ActivityLog, Shared};

/// How many tenants are read at a time.
const TENANTS: u32 = 500;

/// Removing what is old.
impl ActivityLog {
    /// Removes the tenant's entries that were recorded before `older_than`, a thousand at a time, and
    /// records that as an entry: `pruned`, `ActivityLog`. The rest stays verifiable.
    ///
    /// If only such entries are old enough, nothing is removed.
    ///
    /// The time of recording counts, not the time of occurrence: an import of yesterday is a day old.
    ///
    /// Cancel safe: if the future is dropped, some entries are removed, and the rest stays verifiable. Call it
    /// again to remove the others.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when the end of the chain has been tampered with, or the database fails. Entries that
    /// were removed before stay removed.
    pub async fn prune(&self, ctx: &Context, older_than: Timestamp) -> Result<Pruned, RecordError> {
        let tenant = tenant_column(ctx.tenant());
        let now = Timestamp::now();
        let older_than = older_than.min(now);
        let mut pruned = Pruned::default();
        let Some(base) =
            self.database().last_before(tenant, micros(older_than), micros(now)).await?
        else {
            return Ok(pruned);
        };
        // Otherwise a tenant without activity would get a new announcement for the last one, again and again.
        if !self.database().has_others(tenant, base.sequence, Activity::RESERVED).await? {
            return Ok(pruned);
        }
        // Recorded first, so that every missing entry is accounted for by a later one.
        self.record_unchecked(ctx, vec![announcement(base, older_than)]).await?;
        loop {
            match self.database().prune_some(tenant, base.sequence).await? {
                0 => return Ok(pruned),
                entries => pruned.entries += entries,
            }
        }
    }

    /// Applies the retention of the log once, to all tenants. A tenant that fails does not stop the others.
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
                let Some(tenant) = tenant_scope(column) else {
                    tracing::error!(
                        column,
                        "a chain of the activity log belongs to no tenant: tampered with"
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

    /// Applies the retention regularly, until the task is aborted or the last clone of the log is dropped.
    pub(crate) fn retain(&self) -> Option<JoinHandle<()>> {
        let every = self.retention()?.interval();
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
