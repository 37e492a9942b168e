//! How a log is kept.

#[cfg(feature = "sqlite")]
use std::path::Path;

use crate::content::Limits;
use crate::error::OpenError;
use crate::log::ActivityLog;
use crate::redaction::RedactionKey;
use crate::retention::Retention;
use crate::store::{self, Database};

/// How a log is kept, and where: [`ActivityLog::options`].
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is opened until `sqlite` or `postgres`"]
pub struct Options {
    pub(crate) redaction_key: Option<RedactionKey>,
    pub(crate) limits: Limits,
    pub(crate) retention: Option<Retention>,
}

impl Options {
    /// The key of `#[event(redact = hash)]`. Without one, a random one is made and kept in the database:
    /// who reads that reads the key beside the hashes, and can guess values. Another key makes other
    /// hashes of the same values from then on.
    pub fn redaction_key(mut self, key: RedactionKey) -> Self {
        self.redaction_key = Some(key);
        self
    }

    /// How long entries are kept; for ever, unless set. An application whose plugin the log is must then be
    /// started with `App::start`; see [`Retention`].
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How many bytes of JSON an entry's data may have, and as many its changes: 64 KiB unless set, 1 KiB
    /// to 16 MiB. More is refused by [`ActivityLog::record`], and left out of an event's entry, which says
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

    /// Opens the log in the database of this pool. Its tables lie in the first schema of the pool's
    /// `search_path`. The log writes with at most half of the connections, so that readers do not wait for
    /// writers; with one connection they do.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why it cannot be opened.
    #[cfg(feature = "postgres")]
    pub async fn postgres_pool(self, pool: sqlx::PgPool) -> Result<ActivityLog, OpenError> {
        let database = store::open_postgres_pool(pool).await?;
        self.open(database).await
    }

    async fn open(mut self, database: Database) -> Result<ActivityLog, OpenError> {
        let key = match self.redaction_key.take() {
            Some(key) => key,
            None => kept_key(&database).await?,
        };
        Ok(ActivityLog::new(database, key, self))
    }
}

/// The key that the database keeps; made now, if there is none.
async fn kept_key(database: &Database) -> Result<RedactionKey, OpenError> {
    let random = RedactionKey::random().map_err(|error| {
        OpenError::InvalidOption(format!("no random key could be made: {error}"))
    })?;
    let kept = database.setting("redaction_key", random.as_bytes().to_vec()).await?;
    let key = kept.try_into().map_err(|_| {
        let reason =
            "the redaction key in the database is damaged; set one with `redaction_key(..)`";
        OpenError::InvalidOption(reason.to_owned())
    })?;
    Ok(RedactionKey::new(key))
}
