//! Opening a Postgres database.

use std::str::FromStr;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::Database;
use super::migrations::{Migrations, migrate};
use crate::error::OpenError;

const MIGRATIONS: Migrations = &[
    ("activity", include_str!("../../migrations/postgres/1_activity.sql")),
    ("guards", include_str!("../../migrations/postgres/2_guards.sql")),
];

/// Any number that others do not use: `activity` in ASCII.
const MIGRATION_LOCK: i64 = 0x6163_7469_7669_7479;

const CONNECTIONS: u32 = 10;

/// How long somebody waits for a connection, such as while the server is away.
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
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(CONNECT_TIMEOUT);
    let pool = pool.connect_with(options).await?;
    open_postgres_pool(pool).await
}

/// Uses the pool, as its owner has set it up. The tables lie in the first schema of its search path.
pub(crate) async fn open_postgres_pool(pool: PgPool) -> Result<Database, OpenError> {
    let mut tx = pool.begin().await?;
    // Until the end of the transaction, whatever happens.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *tx).await?;
    migrate(tx, MIGRATIONS).await?;
    Ok(Database::Postgres(pool))
}
