//! Bringing the tables up to date.

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Database, SqlSafeStr, Transaction};

use crate::error::OpenError;

/// Of its own, since the database may be shared with an application that has sqlx's default.
pub(super) const TABLE: &str = "activity_log_migrations";

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
    match migrator(migrations).run_direct(None, &mut *tx, false).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(error) => Err(explain(error, migrations)),
    }
}

/// Whether nothing is missing, where the table of migrations is there. It only reads.
#[cfg(feature = "postgres")]
pub(super) async fn is_migrated(
    connection: &mut impl Migrate,
    migrations: Migrations,
) -> Result<bool, OpenError> {
    let migrator = migrator(migrations);
    let done = connection.list_applied_migrations(TABLE).await;
    let done = done.map_err(|error| explain(error, migrations))?;
    if let Some(newer) = done.iter().find(|done| !migrator.version_exists(done.version)) {
        return Err(explain(MigrateError::VersionMissing(newer.version), migrations));
    }
    let is_done = |wanted: &Migration| {
        done.iter().any(|done| (done.version, &done.checksum) == (wanted.version, &wanted.checksum))
    };
    Ok(migrator.iter().all(is_done))
}

fn migrator(migrations: Migrations) -> Migrator {
    let known = (1..).zip(migrations).map(|(version, (description, sql))| {
        let (description, sql) = ((*description).into(), (*sql).into_sql_str());
        Migration::new(version, description, MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(known.collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator.set_locking(false);
    migrator
}

fn explain(error: MigrateError, migrations: Migrations) -> OpenError {
    match error {
        MigrateError::VersionMissing(found) => {
            let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
            OpenError::NewerSchema { found, known }
        }
        MigrateError::Execute(error) => OpenError::Database(error),
        error => OpenError::Migration(error),
    }
}
