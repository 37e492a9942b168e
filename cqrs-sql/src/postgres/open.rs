//! Opening a Postgres database.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use cqrs_core::log::stable_hash;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres};
use tokio::sync::Notify;

use super::PostgresStore;
use super::notify::Notifications;
use super::row_security;
use super::tables::Tables;
use crate::codes::{is_denied, is_transient};
use crate::error::OpenError;
use crate::expected::Expected;
use crate::migrations::Migrations;
use crate::names::Names;
use crate::options::Options;
use crate::transaction::WriteTransaction;

const MIGRATIONS: Migrations = Migrations(&[
    include_str!("../../migrations/1.postgres.sql"),
    include_str!("../../migrations/2.postgres.sql"),
]);

/// `READ COMMITTED`, also if the server's default is another: after waiting for a lock, each statement sees what has
/// changed.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

const CONNECTIONS: u32 = 10;

/// How long a caller waits for a connection, such as while the server is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection is unused before it is tested with a round trip to the server.
const TEST_AFTER: Duration = Duration::from_secs(1);

const REACH_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Connects to the database that the URL names.
pub(crate) async fn open_url(url: &str, options: &Options) -> Result<PostgresStore, OpenError> {
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    if !is_postgres {
        let error = sqlx::Error::Configuration("it does not begin with `postgres://`".into());
        return Err(OpenError::NotAPostgresUrl(error));
    }
    let connecting = PgConnectOptions::from_str(url).map_err(OpenError::NotAPostgresUrl)?;
    let connecting = connecting.application_name("cqrs-sql");
    reach(&connecting, options.wait_for_server).await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, of| {
            Box::pin(async move {
                if of.idle_for > TEST_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(connecting)
        .await?;
    open(pool, true, options).await
}

/// Waits until the server answers. The pool would wait too, but without a line in the log, and with an error that does
/// not say why.
async fn reach(connecting: &PgConnectOptions, at_most: Duration) -> sqlx::Result<()> {
    let began = Instant::now();
    loop {
        match connecting.connect().await {
            Ok(connection) => return connection.close().await,
            Err(error) if is_transient(&error) && began.elapsed() < at_most => {
                tracing::warn!(%error, "the log's database cannot be reached; trying again");
                tokio::time::sleep(REACH_AGAIN_AFTER).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Uses the pool with the settings of its owner.
pub(crate) async fn open_pool(pool: PgPool, options: &Options) -> Result<PostgresStore, OpenError> {
    open(pool, false, options).await
}

async fn open(
    pool: PgPool,
    owns_pool: bool,
    options: &Options,
) -> Result<PostgresStore, OpenError> {
    // Checked before it is used in any text.
    let given = options.schema.as_deref();
    Names::new(given, &options.prefix)?;
    let mut connection = pool.acquire().await?;
    let schema = match given {
        Some(schema) => schema.to_owned(),
        None => sqlx::query_scalar::<_, Option<String>>("SELECT current_schema()::text")
            .fetch_one(&mut *connection)
            .await?
            .ok_or(OpenError::NoSchema)?,
    };
    let names = Names::new(Some(&schema), &options.prefix)?;
    let place = Place { names: &names, schema: &schema, options };
    if !place.is_migrated(&mut connection).await? {
        drop(connection);
        place.migrate(&pool).await?;
        connection = pool.acquire().await?;
    }
    row_security::check(&names, &mut connection).await?;
    let stored: String =
        sqlx::query_scalar(names.sql("SELECT value FROM {setting} WHERE name = 'shards'"))
            .fetch_one(&mut *connection)
            .await?;
    let shards = options.check_shards(&stored)?;
    let leases = "INSERT INTO {lease} (application, shard) \
                  SELECT $1, shard FROM generate_series(0, $2 - 1) AS shard \
                  WHERE NOT EXISTS (SELECT FROM {lease} l WHERE l.application = $1 AND l.shard = shard) \
                  ON CONFLICT DO NOTHING";
    sqlx::query(names.sql(leases))
        .bind(&options.application)
        .bind(i32::from(shards))
        .execute(&mut *connection)
        .await?;
    let last = sqlx::query_scalar(names.sql("SELECT coalesce(max(position), 0) FROM {event}"))
        .fetch_one(&mut *connection)
        .await?;
    drop(connection);
    let channel = format!("cqrs_{:016x}", stable_hash(&[&schema, &options.prefix]));
    Ok(PostgresStore {
        tables: Tables { names, application: options.application.clone() },
        profile: options.profile("Postgres", shards),
        keep_keys: options.keep_keys,
        pool,
        owns_pool,
        news: Arc::new(Notify::new()),
        expected: Expected::default(),
        notifications: Notifications::new(options.notifications, channel),
        seen: AtomicI64::new(last),
    })
}

/// Where the tables are.
struct Place<'a> {
    names: &'a Names,
    schema: &'a str,
    options: &'a Options,
}

impl Place<'_> {
    /// Only reads, because an application's role may not be allowed to make tables.
    async fn is_migrated(&self, connection: &mut PgConnection) -> Result<bool, OpenError> {
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2)";
        let is_there: bool = sqlx::query_scalar(sql)
            .bind(self.schema)
            .bind(self.names.table("migration"))
            .fetch_one(&mut *connection)
            .await?;
        if !is_there {
            return Ok(false);
        }
        let version = MIGRATIONS.version::<Postgres>(self.names, connection).await?;
        if version != MIGRATIONS.newest() {
            return Ok(false);
        }
        Ok(match &self.options.row_level_security {
            Some(role) => {
                row_security::is_enabled(self.names, self.schema, role, connection).await?
            }
            None => true,
        })
    }

    async fn migrate(&self, pool: &PgPool) -> Result<(), OpenError> {
        self.migrate_alone(pool).await.map_err(|error| match error {
            OpenError::Database(error) if is_denied(&error) => OpenError::MayNotMigrate(error),
            error => error,
        })
    }

    async fn migrate_alone(&self, pool: &PgPool) -> Result<(), OpenError> {
        let connection = pool.acquire().await?;
        let mut tx = WriteTransaction::<Postgres>::begin(connection, None, BEGIN).await?;
        // One process at a time. Released at the end of the transaction, in any case.
        let lock = stable_hash(&["cqrs-sql migrations", self.schema, &self.options.prefix]);
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(lock.cast_signed())
            .execute(&mut *tx)
            .await?;
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
        let has_schema: bool =
            sqlx::query_scalar(sql).bind(self.schema).fetch_one(&mut *tx).await?;
        if !has_schema {
            // The name was checked.
            let sql = sqlx::AssertSqlSafe(format!("CREATE SCHEMA \"{}\"", self.schema));
            sqlx::raw_sql(sql).execute(&mut *tx).await?;
        }
        MIGRATIONS.run::<Postgres>(self.names, &mut tx).await?;
        if let Some(role) = &self.options.row_level_security {
            row_security::enable(self.names, role, &mut tx).await?;
        }
        let setting =
            "INSERT INTO {setting} (name, value) VALUES ('shards', $1) ON CONFLICT DO NOTHING";
        sqlx::query(self.names.sql(setting))
            .bind(self.options.new_shards()?.to_string())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}
