//! The tables, version by version. Each module has its own in its folder; a version that was released is
//! never changed, only followed by another.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, name, and the statements. `BYTES` stands for each database's own word.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "inbox", include_str!("inbox.sql")),
    (100, "users", include_str!("../users/schema.sql")),
    (110, "disabled users", include_str!("../users/disabled.sql")),
    (200, "organizations", include_str!("../organizations/schema.sql")),
    (300, "employees", include_str!("../employees/schema.sql")),
    (310, "employee weeks", include_str!("../employees/weeks.sql")),
    (320, "employees by user", include_str!("../employees/users.sql")),
    (400, "time tracking", include_str!("../time_tracking/schema.sql")),
    (410, "timesheets by status", include_str!("../time_tracking/status.sql")),
    (500, "github", include_str!("../integrations/github/schema.sql")),
    (510, "upwork", include_str!("../integrations/upwork/schema.sql")),
];

/// Which words a database has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

pub(super) fn migrator(dialect: Dialect) -> Migrator {
    let bytes = match dialect {
        Dialect::Sqlite => "BLOB",
        Dialect::Postgres => "BYTEA",
    };
    let migrations = MIGRATIONS.iter().map(|&(version, name, sql)| {
        let sql = sqlx::AssertSqlSafe(sql.replace("BYTES", bytes)).into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}
