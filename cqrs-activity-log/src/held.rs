//! Recording around chains that somebody holds.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::content::Content;
use crate::error::RecordError;
use crate::log::ActivityLog;

/// How long a chain is waited for: a little longer than the database waits for a lock.
const WAIT: Duration = Duration::from_secs(6);

/// How long chains are waited for altogether.
const WAITS: Duration = Duration::from_secs(12);

/// The tenants whose chains others have held for too long, such as a process that stands still. They are
/// not waited for again until they are free.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<HashSet<String>>);

impl Held {
    /// Records all but what is of tenants whose chain somebody holds, and says which tenants these are.
    ///
    /// First what is free, all in one: so nobody waits because of another tenant.
    pub(crate) async fn append_around(
        &self,
        log: &ActivityLog,
        contents: Vec<Content>,
    ) -> Result<HashSet<String>, RecordError> {
        let tenants: HashSet<_> = contents.iter().map(|content| content.tenant.clone()).collect();
        let begun = Instant::now();
        let mut held = HashSet::new();
        let mut left = log.append_free(contents).await?;
        while let Some(first) = left.first() {
            let tenant = first.tenant.clone();
            let of_tenant = left.extract_if(.., |content| content.tenant == tenant).collect();
            if self.tenants().contains(&tenant) || begun.elapsed() > WAITS {
                held.insert(tenant);
                continue;
            }
            if !append_waiting(log, of_tenant).await? {
                held.insert(tenant);
            }
            // Most of the others have become free meanwhile.
            left = log.append_free(left).await?;
        }
        let mut known = self.tenants();
        known.retain(|tenant| !tenants.contains(tenant));
        known.extend(held.iter().cloned());
        Ok(held)
    }

    fn tenants(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for one tenant's chain; `false`, when somebody has held it all the time.
async fn append_waiting(log: &ActivityLog, contents: Vec<Content>) -> Result<bool, RecordError> {
    match tokio::time::timeout(WAIT, log.append(contents)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) if error.is_lock_timeout() => Ok(false),
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(false),
    }
}
