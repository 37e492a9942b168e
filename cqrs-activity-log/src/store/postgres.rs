//! Opening a Postgres database.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool};

use super::Database;
use super::chain_locks::ChainLocks;
use super::codes::is_denied;
use super::migrations::{Dialect, TABLE, is_migrated, migrate};
use super::writers::Writers;
use crate::error::OpenError;

const DIALECT: Dialect = Dialect {
    words: &[
        ("{bytes}", "BYTEA"),
        ("{checks}", ""),
        ("{id}", "UUID"),
        ("{key}", "TEXT COLLATE \"C\""),
        ("{number}", "BIGINT"),
        ("{strict}", ""),
        ("{zero_hash}", "decode(repeat('00', 32), 'hex')"),
    ],
    triggers: include_str!("../../migrations/1_triggers.postgres.sql"),
    guards: include_str!("../../migrations/2_guards.postgres.sql"),
};

/// A number that other users of advisory locks are unlikely to choose: `activity` in ASCII.
const MIGRATION_LOCK: i64 = 0x6163_7469_7669_7479;

const WRITERS: u32 = 5;
const READERS: u32 = 5;

/// How long a caller waits for a connection, such as while the server is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the database that the URL names.
pub(crate) async fn open_postgres(url: &str) -> Result<Database, OpenError> {
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    if !is_postgres {
        let error = sqlx::Error::Configuration("it does not begin with `postgres://`".into());
        return Err(OpenError::NotAPostgresUrl(error));
    }
    let options = PgConnectOptions::from_str(url).map_err(OpenError::NotAPostgresUrl)?;
    let options = options.application_name("cqrs-activity-log");
    let pool = |connections| {
        PgPoolOptions::new().max_connections(connections).acquire_timeout(CONNECT_TIMEOUT)
    };
    let writers = pool(WRITERS).connect_with(options.clone()).await?;
    let readers = pool(READERS).connect_lazy_with(options);
    migrate_postgres(&writers).await?;
    let writers = Writers::new(writers, WRITERS);
    Ok(Database::Postgres { writers, readers, locks: ChainLocks::default() })
}

/// Uses the pool with the settings of its owner, and at most half of it to write. The tables are in the first
/// schema of its search path.
pub(crate) async fn open_postgres_pool(pool: PgPool) -> Result<Database, OpenError> {
    migrate_postgres(&pool).await?;
    let connections = pool.options().get_max_connections();
    let writers = Writers::new(pool.clone(), connections.div_ceil(2));
    Ok(Database::Postgres { writers, readers: pool, locks: ChainLocks::default() })
}

/// Checks first whether a migration is missing, because an application's role may not be allowed to make tables.
async fn migrate_postgres(pool: &PgPool) -> Result<(), OpenError> {
    let mut connection = pool.acquire().await?;
    let is_there = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables \
                    WHERE schemaname = current_schema() AND tablename = $1)";
    let is_there = sqlx::query_scalar(is_there).bind(TABLE).fetch_one(&mut *connection).await?;
    if is_there && is_migrated(&mut *connection, &DIALECT).await? {
        return Ok(());
    }
    let mut tx = connection.begin().await?;
    // Released at the end of the transaction, in any case.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *tx).await?;
    migrate(tx, &DIALECT).await.map_err(|error| match error {
        OpenError::Database(error)
        | OpenError::Migration(MigrateError::ExecuteMigration(error, _))
            if is_denied(&error) =>
        {
            OpenError::MayNotMigrate(error)
        }
        error => error,
    })
}
