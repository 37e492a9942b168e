//! What can be chosen when a store is opened.

use std::time::Duration;

use cqrs_core::log::Profile;

use crate::error::OpenError;

/// What can be chosen when a store is opened. See `SqlStoreBuilder`.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) schema: Option<String>,
    pub(crate) prefix: String,
    pub(crate) application: String,
    pub(crate) shards: Option<u16>,
    /// The role that sees all tenants, if others see one.
    pub(crate) row_level_security: Option<String>,
    pub(crate) notifications: bool,
    pub(crate) lease: Duration,
    pub(crate) poll: Duration,
    /// How long idempotency keys are kept.
    pub(crate) keep_keys: Duration,
    #[cfg(feature = "postgres")]
    pub(crate) wait_for_server: Duration,
    #[cfg(feature = "sqlite")]
    pub(crate) synchronous: sqlx::sqlite::SqliteSynchronous,
}

/// The number of shards of a new log.
const SHARDS: u16 = 16;

impl Default for Options {
    fn default() -> Self {
        Self {
            schema: None,
            prefix: "cqrs_".to_owned(),
            application: "main".to_owned(),
            shards: None,
            row_level_security: None,
            notifications: true,
            lease: Profile::DEFAULT_LEASE,
            poll: Profile::DEFAULT_POLL,
            keep_keys: Duration::from_hours(24),
            #[cfg(feature = "postgres")]
            wait_for_server: Duration::from_secs(10),
            #[cfg(feature = "sqlite")]
            synchronous: sqlx::sqlite::SqliteSynchronous::Full,
        }
    }
}

impl Options {
    /// The number of shards of a log, of which `stored` are found in the database.
    pub(crate) fn check_shards(&self, stored: &str) -> Result<u16, OpenError> {
        let stored = stored.parse().unwrap_or(0);
        match self.shards {
            Some(wanted) if wanted != stored => Err(OpenError::OtherShards { stored, wanted }),
            _ => Ok(stored),
        }
    }

    /// What a store says of itself.
    pub(crate) fn profile(&self, name: &'static str, shards: u16) -> Profile {
        Profile { name, shards, lease: self.lease, poll: self.poll }
    }

    /// SQLite does not have every option.
    #[cfg(feature = "sqlite")]
    pub(crate) fn check_sqlite(&self) -> Result<(), OpenError> {
        match self.row_level_security {
            Some(_) => Err(OpenError::NoRowLevelSecurity),
            None => Ok(()),
        }
    }

    /// The number of shards that a new log gets.
    pub(crate) fn new_shards(&self) -> Result<u16, OpenError> {
        match self.shards.unwrap_or(SHARDS) {
            shards @ 1..=1024 => Ok(shards),
            shards => Err(OpenError::InvalidShards(shards)),
        }
    }
}
