//! Opening a log, and its options.

#[cfg(feature = "sqlite")]
use std::path::Path;

use crate::content::Limits;
use crate::error::OpenError;
use crate::log::ActivityLog;
use crate::policy::Retention;
use crate::redaction::RedactionKey;
use crate::store::{self, Database};

/// Opening.
impl ActivityLog {
    /// Opens the log in this SQLite file, and creates the file if it does not exist. Several processes of one
    /// machine may share it.
    ///
    /// # Errors
    ///
    /// [`OpenError`], such as when the file is not a database, or a newer version of this crate has written
    /// it.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().sqlite(path).await
    }

    /// Opens the log in the Postgres database with this URL, such as `postgres://user@host/database`. Its
    /// tables are in the first schema of the connection's `search_path`.
    ///
    /// # Errors
    ///
    /// [`OpenError`], such as when the database does not exist, or a newer version of this crate has migrated
    /// it.
    #[cfg(feature = "postgres")]
    pub async fn postgres(url: &str) -> Result<Self, OpenError> {
        Self::options().postgres(url).await
    }

    /// Options for a log that is to be opened.
    pub fn options() -> Options {
        Options::default()
    }
}

/// Options for a log that is to be opened: [`ActivityLog::options`].
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is opened until `sqlite` or `postgres`"]
pub struct Options {
    redaction_key: Option<RedactionKey>,
    limits: Limits,
    retention: Option<Retention>,
}

impl Options {
    /// The key of `#[event(redact = hash)]`. Without one, a random key is made and kept in the database. A
    /// reader of the database then has the key beside the hashes and can guess values. A different key makes
    /// different hashes of the same values from then on.
    pub fn redaction_key(mut self, key: RedactionKey) -> Self {
        self.redaction_key = Some(key);
        self
    }

    /// How long entries are kept; for ever by default. An application whose plugin the log is must then be
    /// started with `App::start`; see [`Retention`].
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How many bytes of JSON the data of an entry may have, and its changes as well: 64 KiB by default, 1 KiB
    /// to 16 MiB. [`ActivityLog::record`] refuses more. The entry of an event leaves larger parts out, and says
    /// so.
    pub fn payload_limit(mut self, bytes: usize) -> Self {
        self.limits.payload = bytes.clamp(1024, 16 << 20);
        self
    }

    /// Opens the log in this SQLite file; see [`ActivityLog::sqlite`].
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why it cannot be opened.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(self, path: impl AsRef<Path>) -> Result<ActivityLog, OpenError> {
        let database = store::open_sqlite(path.as_ref()).await?;
        self.open(database).await
    }

    /// Opens the log in the database of this pool, beside other tables. The pool should use write-ahead
    /// logging, `synchronous = FULL` and a busy time-out. The log writes with one of its connections at a
    /// time.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why it cannot be opened.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite_pool(self, pool: sqlx::SqlitePool) -> Result<ActivityLog, OpenError> {
        let database = store::open_sqlite_pool(pool).await?;
        self.open(database).await
    }

    /// Opens the log in this Postgres database; see [`ActivityLog::postgres`].
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why it cannot be opened.
    #[cfg(feature = "postgres")]
    pub async fn postgres(self, url: &str) -> Result<ActivityLog, OpenError> {
        let database = store::open_postgres(url).await?;
        self.open(database).await
    }

    /// Opens the log in the database of this pool. Its tables are in the first schema of the pool's
    /// `search_path`. The log writes with at most half of the connections, so that readers do not wait for
    /// writers; with a pool of one connection they do.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why it cannot be opened.
    #[cfg(feature = "postgres")]
    pub async fn postgres_pool(self, pool: sqlx::PgPool) -> Result<ActivityLog, OpenError> {
        let database = store::open_postgres_pool(pool).await?;
        self.open(database).await
    }

    async fn open(self, database: Database) -> Result<ActivityLog, OpenError> {
        let key = match self.redaction_key {
            Some(key) => key,
            None => stored_key(&database).await?,
        };
        Ok(ActivityLog::new(database, key, self.limits, self.retention))
    }
}

/// The key that the database keeps; a new one, if it has none.
async fn stored_key(database: &Database) -> Result<RedactionKey, OpenError> {
    let random = RedactionKey::random().map_err(|error| {
        OpenError::InvalidOption(format!("no random key could be made: {error}"))
    })?;
    let stored = database.setting("redaction_key", random.as_bytes().to_vec()).await?;
    let key = stored.try_into().map_err(|_| {
        let reason =
            "the redaction key in the database is damaged; set one with `redaction_key(..)`";
        OpenError::InvalidOption(reason.to_owned())
    })?;
    Ok(RedactionKey::new(key))
}
