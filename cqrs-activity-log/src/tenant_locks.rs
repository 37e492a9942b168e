//! Work of which each tenant does one at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cqrs_core::TenantScope;
use tokio::sync::OwnedMutexGuard;

/// A lock for each tenant that works or waits.
#[derive(Default)]
pub(crate) struct TenantLocks(Mutex<HashMap<TenantScope, Weak<tokio::sync::Mutex<()>>>>);

impl TenantLocks {
    /// Waits until no other task has the lock of the tenant, in the order of the calls.
    pub(crate) async fn lock(&self, tenant: &TenantScope) -> OwnedMutexGuard<()> {
        self.lock_of(tenant).lock_owned().await
    }

    fn lock_of(&self, tenant: &TenantScope) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(tenant).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        locks.insert(tenant.clone(), Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn work_of_one_tenant_waits_and_that_of_others_does_not() {
        let locks = TenantLocks::default();
        let tenant = |id: &str| TenantScope::Tenant(id.parse().unwrap());
        let acme = locks.lock(&tenant("acme")).now_or_never();
        assert!(acme.is_some());
        assert!(locks.lock(&tenant("acme")).now_or_never().is_none());
        assert!(locks.lock(&tenant("globex")).now_or_never().is_some());
        drop(acme);
        assert!(locks.lock(&tenant("acme")).now_or_never().is_some());
        assert_eq!(locks.0.lock().unwrap().len(), 1, "no tenant is remembered for ever");
    }
}
