//! Opening a store.

#[cfg(feature = "sqlite")]
use std::path::Path;

use sqlx::Pool;

use crate::error::OpenError;
use crate::store::{SqlDatabase, SqlStore};

/// Opens a [`SqlStore`] with options. Made by [`SqlStore::builder`].
#[derive(Debug, Clone)]
pub struct SqlStoreBuilder {
    pub(crate) schema: Option<String>,
    pub(crate) prefix: String,
    pub(crate) application: String,
    pub(crate) shards: Option<u16>,
    pub(crate) notifications: bool,
    #[cfg(feature = "sqlite")]
    pub(crate) synchronous: sqlx::sqlite::SqliteSynchronous,
}

/// The number of shards of a new log.
pub(crate) const SHARDS: u16 = 16;

impl Default for SqlStoreBuilder {
    fn default() -> Self {
        Self {
            schema: None,
            prefix: "cqrs_".to_owned(),
            application: "main".to_owned(),
            shards: None,
            notifications: true,
            #[cfg(feature = "sqlite")]
            synchronous: sqlx::sqlite::SqliteSynchronous::Full,
        }
    }
}

impl SqlStoreBuilder {
    /// The schema of the tables on Postgres; it is made if it is missing. By default the first one of the role's
    /// `search_path`. SQLite has no schemas and ignores it. Letters, digits and `_`, at most 40 of them.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// What the names of all tables begin with; `cqrs_` by default. Letters, digits and `_`, at most 40 of them.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The name of the application; `main` by default. Nodes of one application share its subscriptions and divide
    /// its shards. Several applications can read one log, each at its own pace.
    pub fn application(mut self, application: impl Into<String>) -> Self {
        self.application = application.into();
        self
    }

    /// Into how many shards a new log is divided, from 1 to 1024; 16 by default. It is stored with the tables, and
    /// cannot be changed later.
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Whether nodes tell each other about new events by `NOTIFY` on Postgres; they do by default, at most every
    /// 5 ms, while more than one node lives. Nodes poll besides. Switch it off for a pooler that shares connections
    /// between transactions, because `LISTEN` does not work there.
    pub fn notifications(mut self, notifications: bool) -> Self {
        self.notifications = notifications;
        self
    }

    /// How an SQLite file that [`sqlite`](Self::sqlite) opens waits for the disk. `Full`, the default, loses nothing
    /// in a power failure; `Normal` is faster, and may lose the last transactions then.
    #[cfg(feature = "sqlite")]
    pub fn synchronous(mut self, synchronous: sqlx::sqlite::SqliteSynchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Opens an SQLite file. See [`SqlStore::sqlite`].
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(self, path: impl AsRef<Path>) -> Result<SqlStore, OpenError> {
        crate::sqlite::open_file(path.as_ref(), &self).await.map(SqlStore::from)
    }

    /// Connects to a Postgres database. See [`SqlStore::postgres`].
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    #[cfg(feature = "postgres")]
    pub async fn postgres(self, url: &str) -> Result<SqlStore, OpenError> {
        crate::postgres::open_url(url, &self).await.map(SqlStore::from)
    }

    /// Uses a pool. See [`SqlStore::from_pool`].
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn from_pool<DB: SqlDatabase>(self, pool: Pool<DB>) -> Result<SqlStore, OpenError> {
        DB::open(pool, self).await
    }

    /// The number of shards of a log, of which `stored` are found in the database.
    pub(crate) fn check_shards(&self, stored: &str) -> Result<u16, OpenError> {
        let stored = stored.parse().unwrap_or(0);
        match self.shards {
            Some(wanted) if wanted != stored => Err(OpenError::OtherShards { stored, wanted }),
            _ => Ok(stored),
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
