//! How many of something there are at once: over all, and for each tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cqrs_core::TenantScope;

/// Permits, with a limit for each tenant, so that none takes them all.
#[derive(Clone)]
pub(super) struct Permits {
    limit: usize,
    per_tenant: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Only of tenants that have a permit.
    by_tenant: HashMap<TenantScope, usize>,
}

/// A permit, returned when it is dropped.
pub(super) struct Permit {
    tenant: TenantScope,
    taken: Arc<Mutex<Taken>>,
}

/// Which limit is reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    Everyone,
    Tenant,
}

impl Permits {
    pub(super) fn new(limit: usize, per_tenant: usize) -> Self {
        Self { limit, per_tenant, taken: Arc::default() }
    }

    pub(super) fn acquire(&self, tenant: &TenantScope) -> Result<Permit, Full> {
        let mut guard = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = &mut *guard;
        let own = taken.by_tenant.get(tenant).copied().unwrap_or(0);
        if own >= self.per_tenant {
            return Err(Full::Tenant);
        }
        if taken.all >= self.limit {
            return Err(Full::Everyone);
        }
        taken.all += 1;
        taken.by_tenant.insert(tenant.clone(), own + 1);
        Ok(Permit { tenant: tenant.clone(), taken: self.taken.clone() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(own) = taken.by_tenant.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_core::Context;

    use super::*;

    fn tenant(id: &str) -> TenantScope {
        Context::for_tenant(id).unwrap().tenant().clone()
    }

    #[test]
    fn no_tenant_takes_all_permits_and_none_is_remembered_without_one() {
        let permits = Permits::new(3, 2);
        let (acme, globex) = (tenant("acme"), tenant("globex"));
        let first = permits.acquire(&acme).ok();
        let second = permits.acquire(&acme).ok();
        assert_eq!(permits.acquire(&acme).err(), Some(Full::Tenant));
        let third = permits.acquire(&globex).ok();
        assert_eq!(permits.acquire(&globex).err(), Some(Full::Everyone));
        drop(first);
        let fourth = permits.acquire(&globex).ok();
        assert!(second.is_some() && third.is_some() && fourth.is_some());
        drop((second, third, fourth));
        let taken = permits.taken.lock().unwrap();
        assert_eq!((taken.all, taken.by_tenant.len()), (0, 0));
    }
}
