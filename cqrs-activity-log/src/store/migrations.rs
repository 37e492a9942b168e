//! Bringing the tables up to date.

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Database, SqlSafeStr, Transaction};

use crate::error::OpenError;

/// Not sqlx's default, because an application may use that in the same database.
pub(super) const TABLE: &str = "activity_log_migrations";

/// The tables of both databases, with the words of [`Dialect::words`].
const TABLES: &str = include_str!("../../migrations/1_tables.sql");

/// What differs between the migrations of the databases.
pub(super) struct Dialect {
    /// The words in [`TABLES`], and what each of them means.
    pub(super) words: &'static [(&'static str, &'static str)],
    pub(super) triggers: &'static str,
    /// The second version: ways around the triggers.
    pub(super) guards: &'static str,
}

impl Dialect {
    /// Description and text of each version, the oldest first.
    fn migrations(&self) -> [(&'static str, String); 2] {
        let tables = self
            .words
            .iter()
            .fold(TABLES.to_owned(), |sql, (word, meaning)| sql.replace(word, meaning));
        [("activity", tables + self.triggers), ("guards", self.guards.to_owned())]
    }
}

/// Runs the missing migrations. `tx` excludes other processes that migrate, and undoes everything on an error.
pub(super) async fn migrate<DB>(
    mut tx: Transaction<'_, DB>,
    dialect: &Dialect,
) -> Result<(), OpenError>
where
    DB: Database,
    DB::Connection: Migrate,
{
    match migrator(dialect).run_direct(None, &mut *tx, false).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(error) => Err(explain(error, dialect)),
    }
}

/// Whether no migration is missing, if the table of migrations exists. Only reads.
#[cfg(feature = "postgres")]
pub(super) async fn is_migrated(
    connection: &mut impl Migrate,
    dialect: &Dialect,
) -> Result<bool, OpenError> {
    let migrator = migrator(dialect);
    let done = connection.list_applied_migrations(TABLE).await;
    let done = done.map_err(|error| explain(error, dialect))?;
    if let Some(newer) = done.iter().find(|done| !migrator.version_exists(done.version)) {
        return Err(explain(MigrateError::VersionMissing(newer.version), dialect));
    }
    let is_done = |wanted: &Migration| {
        done.iter().any(|done| (done.version, &done.checksum) == (wanted.version, &wanted.checksum))
    };
    Ok(migrator.iter().all(is_done))
}

fn migrator(dialect: &Dialect) -> Migrator {
    let known = (1..).zip(dialect.migrations()).map(|(version, (description, sql))| {
        let sql = AssertSqlSafe(sql).into_sql_str();
        Migration::new(version, description.into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(known.collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator.set_locking(false);
    migrator
}

fn explain(error: MigrateError, dialect: &Dialect) -> OpenError {
    match error {
        MigrateError::VersionMissing(found) => {
            let known = i64::try_from(dialect.migrations().len()).unwrap_or(i64::MAX);
            OpenError::NewerSchema { found, known }
        }
        MigrateError::Execute(error) => OpenError::Database(error),
        error => OpenError::Migration(error),
    }
}
