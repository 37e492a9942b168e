//! Opening a Postgres database.

use std::str::FromStr;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool};

use super::Database;
use super::migrations::{Migrations, TABLE, is_migrated, migrate};
use super::turns::Turns;
use super::writers::Writers;
use crate::error::OpenError;

const MIGRATIONS: Migrations = &[
    ("activity", include_str!("../../migrations/postgres/1_activity.sql")),
    ("guards", include_str!("../../migrations/postgres/2_guards.sql")),
];

/// Any number that others do not use: `activity` in ASCII.
const MIGRATION_LOCK: i64 = 0x6163_7469_7669_7479;

const WRITERS: u32 = 5;
const READERS: u32 = 5;

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
    let pool = |connections| {
        PgPoolOptions::new().max_connections(connections).acquire_timeout(CONNECT_TIMEOUT)
    };
    let writers = pool(WRITERS).connect_with(options.clone()).await?;
    let readers = pool(READERS).connect_lazy_with(options);
    migrate_postgres(&writers).await?;
    let writers = Writers::new(writers, WRITERS);
    Ok(Database::Postgres { writers, readers, turns: Turns::default() })
}

/// Uses the pool, as its owner has set it up, and at most half of it to write. The tables lie in the first
/// schema of its search path.
pub(crate) async fn open_postgres_pool(pool: PgPool) -> Result<Database, OpenError> {
    migrate_postgres(&pool).await?;
    let connections = pool.options().get_max_connections();
    let writers = Writers::new(pool.clone(), connections.div_ceil(2));
    Ok(Database::Postgres { writers, readers: pool, turns: Turns::default() })
}

/// Looks first whether there is anything to do, since an application's role may not make tables.
async fn migrate_postgres(pool: &PgPool) -> Result<(), OpenError> {
    let mut connection = pool.acquire().await?;
    let is_there = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables \
                    WHERE schemaname = current_schema() AND tablename = $1)";
    let is_there = sqlx::query_scalar(is_there).bind(TABLE).fetch_one(&mut *connection).await?;
    if is_there && is_migrated(&mut *connection, MIGRATIONS).await? {
        return Ok(());
    }
    let mut tx = connection.begin().await?;
    // Until the end of the transaction, whatever happens.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *tx).await?;
    migrate(tx, MIGRATIONS).await.map_err(|error| match error {
        OpenError::Database(error)
        | OpenError::Migration(MigrateError::ExecuteMigration(error, _))
            if is_denied(&error) =>
        {
            OpenError::MayNotMigrate(error)
        }
        error => error,
    })
}

/// Whether the role lacks a right (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn is_denied(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "42501")
}
