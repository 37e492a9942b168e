//! Opening a store.

#[cfg(feature = "sqlite")]
use std::path::Path;

use std::time::Duration;

use sqlx::Pool;

use crate::error::OpenError;
use crate::options::Options;
use crate::store::{SqlDatabase, SqlStore};

impl SqlStore {
    /// Opens an SQLite file with a write-ahead log, makes it if it does not exist, and brings its tables up to date.
    /// Commits wait for the disk.
    ///
    /// Several processes on one machine can share the file. It must not be on a network file system.
    ///
    /// # Errors
    ///
    /// [`OpenError`], such as for a file that is not a database.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().sqlite(path).await
    }

    /// Connects to a Postgres database (14 or newer), such as `postgres://user@host/database`, and brings its tables
    /// up to date. Later the store needs the right to read and write its tables, but not to make any.
    ///
    /// # Errors
    ///
    /// [`OpenError`], such as for a role that may not make the tables.
    #[cfg(feature = "postgres")]
    pub async fn postgres(url: &str) -> Result<Self, OpenError> {
        Self::builder().postgres(url).await
    }

    /// Uses a `SqlitePool` or a `PgPool` with the settings of its owner, and brings the tables up to date.
    ///
    /// For an SQLite pool, set the journal mode `WAL`, a busy timeout of some seconds and `synchronous` to `FULL`.
    /// A database in memory works only in a pool with one connection that never ends. In Postgres the default
    /// isolation must be `read committed`, as it is unless it was changed.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn from_pool<DB: SqlDatabase>(pool: Pool<DB>) -> Result<Self, OpenError> {
        Self::builder().from_pool(pool).await
    }

    /// Opens a store with options.
    pub fn builder() -> SqlStoreBuilder {
        SqlStoreBuilder::default()
    }
}

/// Opens a [`SqlStore`] with options. Made by [`SqlStore::builder`].
#[derive(Debug, Clone, Default)]
pub struct SqlStoreBuilder {
    options: Options,
}

impl SqlStoreBuilder {
    /// The schema of the tables on Postgres; it is made if it is missing. By default the first one of the role's
    /// `search_path`. SQLite has no schemas and ignores it. Letters, digits and `_`, at most 40 of them.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.options.schema = Some(schema.into());
        self
    }

    /// What the names of all tables begin with; `cqrs_` by default. Letters, digits and `_`, at most 40 of them.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.prefix = prefix.into();
        self
    }

    /// The name of the application; `main` by default. Nodes of one application share its subscriptions and divide
    /// its shards. Several applications can read one log, each at its own pace.
    pub fn application(mut self, application: impl Into<String>) -> Self {
        self.options.application = application.into();
        self
    }

    /// Into how many shards a new log is divided, from 1 to 1024; 16 by default. It is stored with the tables, and
    /// cannot be changed later.
    pub fn shards(mut self, shards: u16) -> Self {
        self.options.shards = Some(shards);
        self
    }

    /// Gives the tables of events row-level security on Postgres; SQLite has none, and opening fails there. `role` is the
    /// one with which the application opens its store. It sees all tenants, and so does the role that owns the tables.
    /// Any other role sees and publishes the events of one tenant: the one that the transaction has by
    /// `cqrs_sql::set_tenant`. Without a tenant it sees nothing.
    ///
    /// The role that owns the tables must open the store once with this option. It stays in the database until you
    /// remove it with SQL.
    ///
    /// ```no_run
    /// # #[cfg(feature = "postgres")]
    /// # async fn open() -> Result<(), cqrs_sql::OpenError> {
    /// use cqrs_sql::SqlStore;
    ///
    /// let store = SqlStore::builder().row_level_security("events").postgres("postgres://events@host/app").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Your code needs another role than `events`, because that one sees all tenants in these tables, also in a
    /// `transactional` handler. It publishes with `GRANT INSERT ON cqrs_outbox`, and may get `SELECT` on `cqrs_event`.
    pub fn row_level_security(mut self, role: impl Into<String>) -> Self {
        self.options.row_level_security = Some(role.into());
        self
    }

    /// Whether nodes tell each other about new events by `NOTIFY` on Postgres; they do by default, at most every
    /// 5 ms, while more than one node lives. Nodes poll besides. Switch it off for a pooler that shares connections
    /// between transactions, because `LISTEN` does not work there.
    pub fn notifications(mut self, notifications: bool) -> Self {
        self.options.notifications = notifications;
        self
    }

    /// How long a node keeps its shards after its last sign of life, and so how long a crash delays them at most:
    /// 15 seconds by default, at least one.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// How often the log is read without news, and it is looked whether scheduled events are due: 100 milliseconds by
    /// default, at least one. On Postgres, it is how long
    /// an event that was published in a transaction waits at most for handlers of a node that did not publish it.
    pub fn poll(mut self, every: Duration) -> Self {
        self.options.poll = every.max(Duration::from_millis(1));
        self
    }

    /// How long an idempotency key and the output of its command are kept: 24 hours by default. A request that is sent
    /// again later is executed again. Started nodes remove older ones, at most 1,000 with each third of a lease.
    pub fn keep_idempotency_keys(mut self, keep: Duration) -> Self {
        self.options.keep_keys = keep;
        self
    }

    /// How long [`postgres`](Self::postgres) tries to reach a server that is away, with a line in the log each second:
    /// 10 seconds by default. With zero it fails at once.
    #[cfg(feature = "postgres")]
    pub fn wait_for_server(mut self, at_most: Duration) -> Self {
        self.options.wait_for_server = at_most;
        self
    }

    /// How an SQLite file that [`sqlite`](Self::sqlite) opens waits for the disk. `Full`, the default, loses nothing
    /// in a power failure; `Normal` is faster, and may lose the last transactions then.
    #[cfg(feature = "sqlite")]
    pub fn synchronous(mut self, synchronous: sqlx::sqlite::SqliteSynchronous) -> Self {
        self.options.synchronous = synchronous;
        self
    }

    /// Opens an SQLite file. See [`SqlStore::sqlite`].
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(self, path: impl AsRef<Path>) -> Result<SqlStore, OpenError> {
        crate::sqlite::open_file(path.as_ref(), &self.options).await.map(SqlStore::from)
    }

    /// Connects to a Postgres database. See [`SqlStore::postgres`].
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    #[cfg(feature = "postgres")]
    pub async fn postgres(self, url: &str) -> Result<SqlStore, OpenError> {
        crate::postgres::open_url(url, &self.options).await.map(SqlStore::from)
    }

    /// Uses a pool. See [`SqlStore::from_pool`].
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn from_pool<DB: SqlDatabase>(self, pool: Pool<DB>) -> Result<SqlStore, OpenError> {
        DB::open(pool, self.options).await
    }
}
