//! Whose turn it is at a tenant's chain.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How long somebody waits for those of this process that came before.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

/// One at a time writes at a chain. Those of this process wait here for their turn, where they hold no
/// connection: so a chain that somebody else has locked takes one connection away from other tenants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<String, Arc<AsyncMutex<()>>>>>);

/// The turn at some chains, until all clones are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Turn(
    // They are only held.
    #[allow(dead_code)] Arc<Vec<OwnedMutexGuard<()>>>,
);

impl Turns {
    /// Waits for the turn at all these chains. They come in their order, so that two never wait for each
    /// other.
    pub(super) async fn take(&self, tenants: impl Iterator<Item = &String>) -> sqlx::Result<Turn> {
        let taking = async {
            let mut taken = Vec::new();
            for tenant in tenants {
                taken.push(self.of(tenant).lock_owned().await);
            }
            Turn(Arc::new(taken))
        };
        tokio::time::timeout(TURN_TIMEOUT, taking).await.map_err(|_| {
            let reason = "others have been recording for the same tenant for too long";
            sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, reason))
        })
    }

    /// The turn at those chains where nobody has it, what is of these, and what is of the others.
    pub(super) fn take_free<T>(
        &self,
        by_tenant: BTreeMap<String, T>,
    ) -> (Turn, BTreeMap<String, T>, BTreeMap<String, T>) {
        let mut taken = Vec::new();
        let (free, others) = by_tenant.into_iter().partition(|(tenant, _)| {
            let turn = self.of(tenant).try_lock_owned();
            turn.map(|turn| taken.push(turn)).is_ok()
        });
        (Turn(Arc::new(taken)), free, others)
    }

    fn of(&self, tenant: &str) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(tenant) {
            return Arc::clone(turn);
        }
        if turns.len() == turns.capacity() {
            // Before it grows: who has a turn or waits for one holds it.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(tenant.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(turns: &Turns, tenant: &str) -> sqlx::Result<Turn> {
        turns.take([tenant.to_owned()].iter()).await
    }

    fn free(turns: &Turns) -> (Turn, Vec<String>) {
        let both = ["acme", "globex"].map(|tenant| (tenant.to_owned(), ()));
        let (turn, free, others) = turns.take_free(both.into());
        assert_eq!(free.len() + others.len(), 2);
        (turn, free.into_keys().collect())
    }

    #[tokio::test]
    async fn only_what_nobody_has_is_free() {
        let turns = Turns::default();
        let acme = take(&turns, "acme").await.unwrap();
        let (globex, is_free) = free(&turns);
        assert_eq!(is_free, ["globex"]);
        assert!(free(&turns).1.is_empty());
        drop((acme, globex));
        assert_eq!(free(&turns).1, ["acme", "globex"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told() {
        let turns = Turns::default();
        let held = take(&turns, "acme").await.unwrap();
        let error = take(&turns, "acme").await.unwrap_err().to_string();
        assert!(error.contains("recording for the same tenant"), "{error}");
        drop(held);
        take(&turns, "acme").await.unwrap();
    }

    #[tokio::test]
    async fn turns_of_tenants_that_nobody_writes_for_are_forgotten() {
        let turns = Turns::default();
        let held = take(&turns, "acme").await.unwrap();
        for number in 0..10_000 {
            take(&turns, &number.to_string()).await.unwrap();
        }
        assert!(turns.0.lock().unwrap().len() < 100);
        assert_eq!(free(&turns).1, ["globex"]);
        drop(held);
    }
}
