//! Bringing the tables up to date.

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Database, SqlSafeStr, Transaction};

use crate::error::OpenError;

/// Of its own, since the database may be shared with an application that has sqlx's default.
const TABLE: &str = "activity_log_migrations";

/// The migrations of one database, the oldest first: description and text.
pub(super) type Migrations = &'static [(&'static str, &'static str)];

/// Runs what is missing. `tx` keeps out others that do the same, and undoes everything on an error.
pub(super) async fn migrate<DB>(
    mut tx: Transaction<'_, DB>,
    migrations: Migrations,
) -> Result<(), OpenError>
where
    DB: Database,
    DB::Connection: Migrate,
{
    let known = (1..).zip(migrations).map(|(version, (description, sql))| {
        let (description, sql) = ((*description).into(), (*sql).into_sql_str());
        Migration::new(version, description, MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(known.collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator.set_locking(false);
    match migrator.run_direct(None, &mut *tx, false).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(MigrateError::VersionMissing(found)) => {
            let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
            Err(OpenError::NewerSchema { found, known })
        }
        Err(MigrateError::Execute(error)) => Err(OpenError::Database(error)),
        Err(error) => Err(OpenError::Migration(error)),
    }
}
