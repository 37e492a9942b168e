//! One task of this process at a time writes to a chain.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How long a task waits for other tasks of this process.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A lock for each chain. Tasks of this process wait here, without a connection, so a chain that another process
/// has locked occupies one connection at most.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChainLocks(Arc<Mutex<HashMap<String, Arc<AsyncMutex<()>>>>>);

/// The right to write to some chains, until all clones are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct ChainPermit(
    #[allow(dead_code, reason = "the guards are only dropped")] Arc<Vec<OwnedMutexGuard<()>>>,
);

impl ChainLocks {
    /// Waits for all these chains, which must be sorted, so that two tasks never wait for each other.
    pub(super) async fn acquire(
        &self,
        tenants: impl Iterator<Item = &String>,
    ) -> sqlx::Result<ChainPermit> {
        let acquiring = async {
            let mut guards = Vec::new();
            for tenant in tenants {
                guards.push(self.lock_of(tenant).lock_owned().await);
            }
            ChainPermit(Arc::new(guards))
        };
        tokio::time::timeout(TIMEOUT, acquiring).await.map_err(|_| {
            let reason = "other tasks have been recording for the same tenant for too long";
            sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, reason))
        })
    }

    /// A permit for the chains that no task has, the values of these, and the values of the others.
    pub(super) fn acquire_unlocked<T>(
        &self,
        by_tenant: BTreeMap<String, T>,
    ) -> (ChainPermit, BTreeMap<String, T>, BTreeMap<String, T>) {
        let mut guards = Vec::new();
        let (unlocked, locked) = by_tenant.into_iter().partition(|(tenant, _)| {
            let guard = self.lock_of(tenant).try_lock_owned();
            guard.map(|guard| guards.push(guard)).is_ok()
        });
        (ChainPermit(Arc::new(guards)), unlocked, locked)
    }

    fn lock_of(&self, tenant: &str) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(tenant) {
            return Arc::clone(lock);
        }
        if locks.len() == locks.capacity() {
            // Before the map grows, it forgets the locks that no task has or waits for.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        }
        Arc::clone(locks.entry(tenant.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn acquire(locks: &ChainLocks, tenant: &str) -> sqlx::Result<ChainPermit> {
        locks.acquire([tenant.to_owned()].iter()).await
    }

    fn unlocked(locks: &ChainLocks) -> (ChainPermit, Vec<String>) {
        let both = ["acme", "globex"].map(|tenant| (tenant.to_owned(), ()));
        let (permit, unlocked, locked) = locks.acquire_unlocked(both.into());
        assert_eq!(unlocked.len() + locked.len(), 2);
        (permit, unlocked.into_keys().collect())
    }

    #[tokio::test]
    async fn only_chains_that_no_task_has_are_unlocked() {
        let locks = ChainLocks::default();
        let acme = acquire(&locks, "acme").await.unwrap();
        let (globex, acquired) = unlocked(&locks);
        assert_eq!(acquired, ["globex"]);
        assert!(unlocked(&locks).1.is_empty());
        drop((acme, globex));
        assert_eq!(unlocked(&locks).1, ["acme", "globex"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_waits_too_long_gets_an_error() {
        let locks = ChainLocks::default();
        let permit = acquire(&locks, "acme").await.unwrap();
        let error = acquire(&locks, "acme").await.unwrap_err().to_string();
        assert!(error.contains("recording for the same tenant"), "{error}");
        drop(permit);
        acquire(&locks, "acme").await.unwrap();
    }

    #[tokio::test]
    async fn locks_of_chains_that_no_task_writes_to_are_forgotten() {
        let locks = ChainLocks::default();
        let permit = acquire(&locks, "acme").await.unwrap();
        for number in 0..10_000 {
            acquire(&locks, &number.to_string()).await.unwrap();
        }
        assert!(locks.0.lock().unwrap().len() < 100);
        assert_eq!(unlocked(&locks).1, ["globex"]);
        drop(permit);
    }
}
