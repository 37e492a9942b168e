//! Work of which only so much is done at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cqrs_core::TenantScope;
use tokio::sync::Notify;

/// How much is done at once: of one tenant, so that it leaves room for others, and in all. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    of_one: usize,
    of_all: usize,
    taken: Arc<Mutex<HashMap<TenantScope, usize>>>,
    /// Told when the last turn ends.
    ended: Arc<Notify>,
}

/// A tenant's turn; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    tenant: TenantScope,
}

/// Why it is nobody's turn now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoTurn {
    /// The tenant has as many as it may.
    Own,
    /// All tenants together do.
    All,
}

impl Turns {
    pub(crate) fn new(of_one: usize, of_all: usize) -> Self {
        Self { of_one, of_all, taken: Arc::default(), ended: Arc::default() }
    }

    /// Does not wait.
    pub(crate) fn take(&self, tenant: &TenantScope) -> Result<Turn, NoTurn> {
        let mut taken = self.taken();
        let own = taken.get(tenant).copied().unwrap_or_default();
        if own >= self.of_one {
            return Err(NoTurn::Own);
        }
        if taken.values().sum::<usize>() >= self.of_all {
            return Err(NoTurn::All);
        }
        taken.insert(tenant.clone(), own + 1);
        Ok(Turn { turns: self.clone(), tenant: tenant.clone() })
    }

    /// Waits until nobody has a turn.
    pub(crate) async fn ended(&self) {
        loop {
            // Begun before looking: what ends in between is not missed.
            let ended = self.ended.notified();
            if self.taken().is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<TenantScope, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.turns.taken();
        if let Some(own) = taken.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.tenant);
            }
        }
        if taken.is_empty() {
            self.turns.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_core::Context;
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_tenant_has_its_turns_and_all_together_have_theirs() {
        let tenant = |name| Context::for_tenant(name).expect("a tenant").tenant().clone();
        let [acme, globex, initech] = ["acme", "globex", "initech"].map(tenant);
        let turns = Turns::new(2, 3);
        let first = turns.take(&acme).expect("a turn");
        let second = turns.take(&acme).expect("a turn");
        assert_eq!(turns.take(&acme).err(), Some(NoTurn::Own));
        let third = turns.take(&globex).expect("a turn");
        assert_eq!(turns.take(&initech).err(), Some(NoTurn::All));
        drop(first);
        let fourth = turns.take(&initech).expect("a turn");
        assert_eq!(turns.take(&acme).err(), Some(NoTurn::All));
        drop((second, third, fourth));
        assert!(turns.taken().is_empty(), "nothing is remembered of who was here");
    }

    #[tokio::test]
    async fn the_end_of_all_turns_can_be_waited_for() {
        let acme = Context::for_tenant("acme").expect("a tenant").tenant().clone();
        let turns = Turns::new(2, 2);
        turns.ended().await;
        let [first, second] = [(); 2].map(|()| turns.take(&acme).expect("a turn"));
        let mut ended = std::pin::pin!(turns.ended());
        assert!(ended.as_mut().now_or_never().is_none());
        drop(first);
        assert!(ended.as_mut().now_or_never().is_none());
        drop(second);
        ended.await;
    }
}
