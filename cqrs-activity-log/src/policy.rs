//! How long entries are kept.

use std::collections::HashMap;
use std::time::Duration;

use cqrs_core::TenantScope;
use jiff::{SignedDuration, Timestamp};

/// How long entries are kept after they were recorded, in days of 24 hours: for all tenants, or for single ones.
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
///     .every(Duration::from_secs(60 * 60));                  // the default
/// # let _ = retention;
/// # Ok::<(), cqrs_core::InvalidTenant>(())
/// ```
///
/// A log that is a plugin applies its retention in the background, from `App::start` to `App::shutdown`. An
/// application whose log has a retention must therefore be started: until then its event handlers do not run.
/// [`ActivityLog::apply_retention`](crate::ActivityLog::apply_retention) applies it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    days: Option<u32>,
    of_tenants: HashMap<TenantScope, Option<u32>>,
    every: Duration,
}

impl Retention {
    /// Keeps the entries of every tenant for this many days; 0 counts as 1.
    pub fn days(days: u32) -> Self {
        Self { days: Some(days.max(1)), ..Self::forever() }
    }

    /// Keeps all entries, except those of tenants with days of their own.
    pub fn forever() -> Self {
        Self { days: None, of_tenants: HashMap::new(), every: Duration::from_hours(1) }
    }

    /// Keeps the entries of one tenant for this many days; 0 counts as 1.
    pub fn days_for(mut self, tenant: TenantScope, days: u32) -> Self {
        self.of_tenants.insert(tenant, Some(days.max(1)));
        self
    }

    /// Keeps all entries of one tenant.
    pub fn keep_forever(mut self, tenant: TenantScope) -> Self {
        self.of_tenants.insert(tenant, None);
        self
    }

    /// How often the retention is applied: every hour by default, at most every second.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.max(Duration::from_secs(1));
        self
    }

    pub(crate) fn interval(&self) -> Duration {
        self.every
    }

    /// The time before which the tenant's entries are removed; `None`, if they are kept.
    pub(crate) fn older_than(&self, tenant: &TenantScope, now: Timestamp) -> Option<Timestamp> {
        let days = (*self.of_tenants.get(tenant).unwrap_or(&self.days))?;
        let age = SignedDuration::from_hours(24 * i64::from(days));
        now.checked_sub(age).ok()
    }
}
