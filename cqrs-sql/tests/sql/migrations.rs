use std::time::Duration;

use cqrs_core::log::{
    Entry, EventLog as _, ExecutionKey, ScheduledEvent, Scheduling as _, Store as _,
};
use cqrs_sql::{OpenError, SqlStore};
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tokio::task::JoinSet;

use crate::support::{Database, all, entry, event, on_both, url};

async fn execute(database: &Database, sql: &str) {
    match database {
        Database::Sqlite(directory) => {
            let path = format!("sqlite://{}?mode=rwc", directory.path().join("log.db").display());
            let pool = SqlitePool::connect(&path).await.expect("SQLite");
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&pool).await.expect("executed");
            pool.close().await;
        }
        Database::Postgres(schema) => {
            let pool = PgPool::connect(&url()).await.expect("Postgres");
            let name = &schema.name;
            let sql =
                format!("CREATE SCHEMA IF NOT EXISTS {name}; SET search_path TO {name}; {sql}");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.expect("executed");
        }
    }
}

on_both! {
    async fn many_nodes_start_at_once(database: &Database) {
        let mut nodes = JoinSet::new();
        // The directory or the name is all that a node needs.
        let place = match database {
            Database::Sqlite(directory) => directory.path().join("log.db").display().to_string(),
            Database::Postgres(schema) => schema.name.clone(),
        };
        let is_sqlite = matches!(database, Database::Sqlite(_));
        for _ in 0..8 {
            let place = place.clone();
            nodes.spawn(async move {
                let opened = if is_sqlite {
                    SqlStore::sqlite(&place).await
                } else {
                    SqlStore::builder().schema(&place).postgres(&url()).await
                };
                let store = opened.expect("the store opens");
                store.append(&[entry(vec![event(1, 1)])]).await.expect("appended");
            });
        }
        while let Some(node) = nodes.join_next().await {
            node.expect("a node");
        }
        assert_eq!(all(&database.open().await).await.len(), 8);
    }

    async fn a_newer_database_is_refused(database: &Database) {
        database.open().await.close().await;
        execute(database, "INSERT INTO cqrs_migration (version) VALUES (9)").await;
        let error = database.open_with(SqlStore::builder()).await.expect_err("newer");
        assert!(matches!(error, OpenError::NewerSchema { found: 9, known: 2 }), "{error}");
    }

    async fn an_older_database_is_brought_up_to_date(database: &Database) {
        let (first, schema) = match database {
            Database::Sqlite(_) => {
                (include_str!("../../migrations/1.sqlite.sql"), String::new())
            }
            Database::Postgres(schema) => {
                (include_str!("../../migrations/1.postgres.sql"), format!("{}.", schema.name))
            }
        };
        let first = first.replace('{', &format!("{schema}cqrs_")).replace('}', "");
        let version = "CREATE TABLE cqrs_migration (version bigint NOT NULL PRIMARY KEY); INSERT INTO cqrs_migration VALUES (1)";
        execute(database, &format!("{first}; {version}")).await;

        let store = database.open().await;
        store.append(&[entry(vec![event(1, 1)])]).await.expect("appended");
        assert_eq!(all(&store).await.len(), 1);
        let key = ExecutionKey { id: [1; 32], fingerprint: [2; 32], tenant: None };
        let mut unit = store.units().expect("transactions").begin(None).await.expect("begun");
        assert_eq!(unit.claim_key(&key).await.expect("the table is there"), None);
        drop(unit);
        assert_eq!(store.move_due(10, Duration::ZERO).await.expect("a function").next, None);
    }

    async fn the_number_of_shards_is_chosen_once(database: &Database) {
        let builder = || SqlStore::builder().shards(32);
        assert_eq!(database.open_with(builder()).await.expect("opened").profile().shards, 32);
        assert_eq!(database.open().await.profile().shards, 32);
        let error = database.open_with(SqlStore::builder().shards(16)).await.expect_err("16");
        assert!(matches!(error, OpenError::OtherShards { stored: 32, wanted: 16 }), "{error}");
    }

    async fn names_and_numbers_are_checked(database: &Database) {
        for prefix in ["", "a b", "x\"; DROP TABLE y; --"] {
            let opening = database.open_with(SqlStore::builder().prefix(prefix)).await;
            assert!(matches!(opening, Err(OpenError::InvalidName(_))), "{prefix}");
        }
        let opening = database.open_with(SqlStore::builder().shards(0)).await;
        assert!(matches!(opening, Err(OpenError::InvalidShards(0))));
        database.open_with(SqlStore::builder().prefix("other_")).await.expect("opened");
    }

    async fn a_missing_table_is_not_temporary(database: &Database) {
        let store = database.open().await;
        execute(database, "DROP TABLE cqrs_event").await;
        let error = store.range().await.expect_err("no table");
        assert!(!error.is_temporary(), "{error}");
        let error = store.append(&[entry(vec![event(1, 1)])]).await.expect_err("no table");
        assert!(!error.is_temporary(), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_a_database_is_explained() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "notes ".repeat(1000)).expect("written");
    assert!(matches!(SqlStore::sqlite(&text).await, Err(OpenError::NotADatabase(_))));
    let missing = directory.path().join("missing").join("log.db");
    assert!(matches!(SqlStore::sqlite(missing).await, Err(OpenError::DirectoryMissing(_))));
    for path in ["sqlite://log.db", ":memory:", "", "postgres://a:hunter2@b/c"] {
        let error = SqlStore::sqlite(path).await.expect_err("not a path");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let error = SqlStore::postgres("mysql://a:hunter2@b/c").await.expect_err("not Postgres");
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error}");
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_role_without_create_runs_on_migrated_tables() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { unreachable!() };
    let admin = PgPool::connect(&url()).await.expect("Postgres");
    let role = schema.name.replace("test_", "role_");
    let run = async |sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&admin).await.expect("executed");
    };
    run(format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'; CREATE SCHEMA {}", schema.name)).await;
    run(format!("GRANT USAGE ON SCHEMA {} TO {role}", schema.name)).await;
    let options = (*admin.connect_options()).clone();
    let options: PgConnectOptions = options.username(&role).password("secret");
    let limited = PgPool::connect_with(options).await.expect("connected");

    let builder = || SqlStore::builder().schema(&schema.name);
    let error = builder().from_pool(limited.clone()).await.expect_err("no tables");
    assert!(matches!(error, OpenError::MayNotMigrate(_)), "{error}");

    let migrated = database.open().await;
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA";
    run(format!("{grant} {} TO {role}", schema.name)).await;
    let store = builder().from_pool(limited.clone()).await.expect("opened");
    store.append(&[entry(vec![event(1, 1)])]).await.expect("appended");
    let mut tx = limited.begin().await.expect("begun");
    store.publish_in(&mut tx, &[event(1, 2)]).await.expect("published");
    tx.commit().await.expect("committed");
    let due = ScheduledEvent { due: Timestamp::UNIX_EPOCH, event: event(1, 3) };
    let scheduled = Entry { scheduled: vec![due], ..Entry::default() };
    store.append(&[scheduled]).await.expect("scheduled");
    assert_eq!(store.move_due(10, Duration::ZERO).await.expect("moved").moved.len(), 1);
    assert_eq!(all(&store).await.len(), 3);

    run(format!("REVOKE INSERT ON ALL TABLES IN SCHEMA {} FROM {role}", schema.name)).await;
    let error = store.append(&[entry(vec![event(1, 3)])]).await.expect_err("no right");
    assert!(!error.is_temporary(), "{error}");
    limited.close().await;
    migrated.close().await;
    run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn another_isolation_is_refused() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { unreachable!() };
    let options: PgConnectOptions = url().parse().expect("a URL");
    let options = options.options([("default_transaction_isolation", "serializable")]);
    let pool = PgPool::connect_with(options).await.expect("connected");
    let store = SqlStore::builder().schema(&schema.name).from_pool(pool).await.expect("opened");
    let error = store.append(&[entry(vec![event(1, 1)])]).await.expect_err("serializable");
    assert!(error.to_string().contains("read committed"), "{error}");
    assert!(!error.is_temporary());
}
