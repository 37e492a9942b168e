//! Opening a log, and why it is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use cqrs_activity_log::{Activity, ActivityLog, OpenError};
use cqrs_core::Context;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::database::{Db, on_each_database};

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

/// Statements that only the second version refuses, on Postgres and on SQLite.
const GUARDED: [&str; 2] = [
    "CREATE TEMP TABLE activity_chains AS SELECT 'acme' AS tenant, 1 AS base_sequence; \
     DELETE FROM activity_entries WHERE sequence = 1; SELECT 1 / 0",
    "INSERT OR REPLACE INTO activity_chains (rowid, tenant) \
     SELECT rowid, 'globex' FROM activity_chains UNION ALL SELECT NULL, NULL",
];

on_each_database! {
    async fn a_log_continues_where_it_was_closed(db) {
        let log = db.open().await;
        let first = log.record(&ctx(), Activity::new("opened", "Year")).await.unwrap();
        log.close().await;
        log.record(&ctx(), Activity::new("closed", "Year")).await.unwrap_err();

        let log = db.open().await;
        let second = log.record(&ctx(), Activity::new("closed", "Year")).await.unwrap();
        assert_eq!(second.sequence, 2);
        assert_eq!(log.get(&ctx(), first.id).await.unwrap(), Some(first));
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 2);
    }

    async fn a_database_of_a_newer_version_is_refused(db) {
        db.open().await.close().await;
        db.execute(
            "INSERT INTO activity_log_migrations \
             (version, description, success, checksum, execution_time) \
             SELECT 7, 'of the future', success, checksum, 0 FROM activity_log_migrations \
             WHERE version = 1",
        )
        .await;
        let error = db.open_with(ActivityLog::options()).await.unwrap_err();
        assert!(matches!(error, OpenError::NewerSchema { found: 7, known: 2 }), "{error}");
        assert!(error.to_string().contains("run the newer program"), "{error}");
    }

    async fn a_database_of_the_first_version_is_brought_up_to_date(db) {
        let log = db.open().await;
        log.record(&ctx(), Activity::new("opened", "Year")).await.unwrap();
        log.close().await;
        db.execute("DELETE FROM activity_log_migrations WHERE version = 2").await;
        let first = if db.is_sqlite() {
            "DROP TRIGGER activity_entries_refuse_replace_of_row;
             DROP TRIGGER activity_chains_refuse_replace_of_row;"
        } else {
            "ALTER FUNCTION activity_log_refuse() RESET search_path;
             ALTER FUNCTION activity_entries_refuse_delete() SET search_path FROM CURRENT;"
        };
        db.execute(first).await;
        let is_guarded = async || {
            let error = db.try_execute(GUARDED[usize::from(db.is_sqlite())]).await.unwrap_err();
            error.to_string().contains("of the activity log")
        };
        assert!(!is_guarded().await);

        let log = db.open().await;
        log.record(&ctx(), Activity::new("closed", "Year")).await.unwrap();
        assert!(is_guarded().await);
        assert_eq!(db.number("SELECT max(version) FROM activity_log_migrations").await, 2);
    }

    async fn other_tables_of_the_same_name_are_left_alone(db) {
        db.execute("CREATE TABLE activity_entries (mine INTEGER)").await;
        let error = db.open_with(ActivityLog::options()).await.unwrap_err();
        assert!(matches!(error, OpenError::Migration(_)), "{error}");
        db.execute("INSERT INTO activity_entries (mine) VALUES (1)").await;
        // No other table was made.
        assert!(db.try_execute("SELECT * FROM activity_chains").await.is_err());
        db.execute("DROP TABLE activity_entries").await;
        db.open().await;
    }

    async fn a_pool_can_be_shared_with_an_application_that_migrates_itself(db) {
        db.execute("CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)").await;
        db.execute("INSERT INTO _sqlx_migrations VALUES (99)").await;
        let log = match db {
            Db::Sqlite { .. } => {
                let options = SqliteConnectOptions::new().filename(db.address());
                let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
                ActivityLog::options().sqlite_pool(pool).await.unwrap()
            }
            Db::Postgres { .. } => {
                let pool = PgPoolOptions::new().connect(&db.address()).await.unwrap();
                ActivityLog::options().postgres_pool(pool).await.unwrap()
            }
        };
        log.record(&ctx(), Activity::new("opened", "Year")).await.unwrap();
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 1);
        assert_eq!(db.number("SELECT count(*) FROM _sqlx_migrations").await, 1);
        assert_eq!(db.number("SELECT count(*) FROM activity_entries").await, 1);
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_a_database_is_refused_and_explained() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("letter.txt");
    fs::write(&text, "Dear Sir or Madam, ".repeat(100)).unwrap();
    let missing = directory.path().join("not/there/activity.db");
    let cases = [
        ("postgres://ada:pa55word@localhost/log", "write the path alone"),
        ("sqlite://activity.db", "write the path alone"),
        ("sqlite:activity.db", "write the path alone"),
        (":memory:", "temporary directory"),
        ("", "kept in a file"),
        (directory.path().to_str().unwrap(), "is a directory"),
        (missing.to_str().unwrap(), "does not exist; create it"),
        (text.to_str().unwrap(), "is not an SQLite database"),
    ];
    for (path, reason) in cases {
        let error = ActivityLog::sqlite(path).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{path}: {error}");
        assert!(!error.contains("pa55word"), "{error}");
    }
    assert!(fs::read_to_string(&text).unwrap().starts_with("Dear Sir"));
    for url in ["activity.db", "mysql://localhost/log", "postgres://ada:pa55word@:x/log"] {
        let error = ActivityLog::postgres(url).await.unwrap_err();
        assert!(matches!(error, OpenError::NotAPostgresUrl(_)), "{url}: {error}");
        assert!(!error.to_string().contains("pa55word"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("activity.db");
    let log = ActivityLog::sqlite(&path).await.unwrap();
    log.close().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let is_writable = fs::OpenOptions::new().append(true).open(&path).is_ok();
    let opened = ActivityLog::sqlite(&path).await;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    if is_writable {
        // The superuser may write to any file.
        opened.unwrap();
    } else {
        let error = opened.unwrap_err();
        assert!(matches!(error, OpenError::NotWritable(_)), "{error}");
    }
}
