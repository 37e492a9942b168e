//! Recording around chains that another process has locked.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::content::Content;
use crate::error::RecordError;
use crate::log::ActivityLog;
use crate::store::is_lock_timeout;

/// How long one chain is waited for: a little longer than the database waits for a lock.
const WAIT: Duration = Duration::from_secs(6);

/// How long all chains together are waited for.
const TOTAL_WAIT: Duration = Duration::from_secs(12);

/// The tenants whose chains another process has locked for too long, such as a process that hangs. They are not
/// waited for again until they are unlocked.
#[derive(Debug, Default)]
pub(super) struct BusyChains(Mutex<HashSet<String>>);

impl BusyChains {
    /// Records everything except the entries of tenants whose chain is locked, and returns these tenants.
    ///
    /// All unlocked chains come first, in one transaction, so that no tenant waits because of another one.
    pub(super) async fn append_around(
        &self,
        log: &ActivityLog,
        contents: Vec<Content>,
    ) -> Result<HashSet<String>, RecordError> {
        let tenants: HashSet<_> = contents.iter().map(|content| content.tenant.clone()).collect();
        let started = Instant::now();
        let mut busy = HashSet::new();
        let mut left = log.append_unlocked(contents).await?;
        while let Some(first) = left.first() {
            let tenant = first.tenant.clone();
            let of_tenant = left.extract_if(.., |content| content.tenant == tenant).collect();
            if self.tenants().contains(&tenant) || started.elapsed() > TOTAL_WAIT {
                busy.insert(tenant);
                continue;
            }
            if !append_waiting(log, of_tenant).await? {
                busy.insert(tenant);
            }
            // Most of the others were unlocked meanwhile.
            left = log.append_unlocked(left).await?;
        }
        let mut known = self.tenants();
        known.retain(|tenant| !tenants.contains(tenant));
        known.extend(busy.iter().cloned());
        Ok(busy)
    }

    fn tenants(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for one tenant's chain; `false`, if it stayed locked.
async fn append_waiting(log: &ActivityLog, contents: Vec<Content>) -> Result<bool, RecordError> {
    match tokio::time::timeout(WAIT, log.append(contents)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(RecordError::Database(error))) if is_lock_timeout(&error) => Ok(false),
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(false),
    }
}
