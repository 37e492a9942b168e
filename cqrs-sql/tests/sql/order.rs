use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cqrs_core::log::{EventLog as _, LoggedEvent, Position, Store as _};
use cqrs_sql::{PostgresTransaction, SqlStore, SqliteTransaction};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::support::{Database, all, entry, event, on_both};

const ENTITIES: usize = 12;

/// Reads page by page beside the writers, as a subscription does.
async fn read_on(store: SqlStore, has_ended: Arc<AtomicBool>, page: usize) -> Vec<LoggedEvent> {
    let mut events: Vec<LoggedEvent> = Vec::new();
    loop {
        // Asked before the read, so that the last read comes after the last commit.
        let is_last = has_ended.load(Ordering::SeqCst);
        let after = events.last().map_or(Position::START, |event| event.position);
        let found = store.read(after, page).await.expect("a page");
        if found.is_empty() && is_last {
            return events;
        }
        events.extend(found);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Nothing is missed, nothing is twice, positions have no holes, and the events of an entity are in the order in which
/// they were committed.
fn check(events: &[LoggedEvent], numbers: &HashMap<u32, u32>) {
    let total: u32 = numbers.values().sum();
    assert_eq!(events.len(), total as usize);
    assert!(events.iter().zip(1..).all(|(event, position)| event.position.0 == position));
    let ids: HashSet<_> = events.iter().map(|event| event.event.id).collect();
    assert_eq!(ids.len(), events.len());
    let mut next: HashMap<u32, u32> = HashMap::new();
    for LoggedEvent { event, .. } in events {
        let entity = event.entity_id.as_ref().and_then(|id| id.parse().ok()).expect("a number");
        let number = next.entry(entity).or_default();
        *number += 1;
        assert_eq!(event.payload, format!(r#"{{"number":{number}}}"#), "of entity {entity}");
    }
}

/// Writers that append, that publish in transactions, that roll back, and now and then keep a transaction open.
/// Each locks its entity until the commit, as a real transaction locks a row.
async fn write(stores: &[SqlStore], until: Instant, longest: Duration) -> Arc<Vec<Mutex<u32>>> {
    let numbers: Arc<Vec<_>> = Arc::new((0..ENTITIES).map(|_| Mutex::new(0)).collect());
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (store, numbers) = (stores[writer % stores.len()].clone(), Arc::clone(&numbers));
        writers.spawn(async move {
            while Instant::now() < until {
                let entity = fastrand::usize(0..ENTITIES);
                let mut number = numbers[entity].lock().await;
                let entity = u32::try_from(entity).expect("small");
                let next = event(entity, *number + 1);
                if fastrand::u32(0..100) < 30 {
                    store.append(&[entry(vec![next])]).await.expect("appended");
                    *number += 1;
                    continue;
                }
                let mut unit =
                    store.units().expect("transactions").begin(None).await.expect("begun");
                unit.publish(&[next, event(entity, *number + 2)]).await.expect("published");
                let time = match fastrand::u32(0..100) {
                    0 => longest,
                    _ => Duration::from_millis(fastrand::u64(0..3)),
                };
                tokio::time::sleep(time).await;
                if fastrand::u32(0..100) < 10 {
                    drop(unit);
                } else {
                    unit.commit().await.expect("committed");
                    *number += 2;
                }
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.expect("a writer");
    }
    numbers
}

async fn totals(numbers: &[Mutex<u32>]) -> HashMap<u32, u32> {
    let mut totals = HashMap::new();
    for (entity, number) in (0..).zip(numbers) {
        totals.insert(entity, *number.lock().await);
    }
    totals
}

on_both! {
    async fn a_reader_beside_transactions_misses_nothing(database: &Database) {
        // Two stores on one database: two processes, as far as it can tell.
        let stores = [database.open().await, database.open().await];
        let has_ended = Arc::new(AtomicBool::new(false));
        let readers = [1, 7, 1000].map(|page| {
            tokio::spawn(read_on(stores[1].clone(), Arc::clone(&has_ended), page))
        });
        let until = Instant::now() + Duration::from_secs(2);
        let numbers = write(&stores, until, Duration::from_millis(300)).await;
        has_ended.store(true, Ordering::SeqCst);
        let totals = totals(&numbers).await;
        for reader in readers {
            check(&reader.await.expect("a reader"), &totals);
        }
    }

    async fn what_was_committed_before_an_append_stands_before_it(database: &Database) {
        let store = database.open().await;
        let mut unit = store.units().expect("transactions").begin(None).await.expect("begun");
        unit.publish(&[event(1, 1)]).await.expect("published");
        unit.commit().await.expect("committed");
        let firsts = store.append(&[entry(vec![event(1, 2)])]).await.expect("appended");
        assert_eq!(firsts, [Some(Position(2))]);
        assert_eq!(all(&store).await[0].event.payload, r#"{"number":1}"#);
    }

    async fn sixteen_writers_share_a_database(database: &Database) {
        let mut writers = JoinSet::new();
        for writer in 0..16 {
            let store = database.open().await;
            writers.spawn(async move {
                for number in 0..20 {
                    store.append(&[entry(vec![event(writer, number + 1)])]).await.expect("appended");
                }
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("a writer");
        }
        let numbers = (0..16).map(|writer| (writer, 20)).collect();
        check(&all(&database.open().await).await, &numbers);
    }
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_long_transaction_delays_no_one_on_postgres() {
    let database = Database::postgres();
    let store = database.open().await;
    let mut long = store.units().expect("transactions").begin(None).await.expect("begun");
    long.publish(&[event(1, 1)]).await.expect("published");
    store.append(&[entry(vec![event(2, 1)])]).await.expect("appended");
    assert_eq!(all(&store).await.len(), 1);
    long.commit().await.expect("committed");
    let events = all(&store).await;
    assert_eq!(events[1].event.entity_id.as_deref(), Some("1"));
    assert_eq!(events[1].position, Position(2));
}

/// The users' own transactions, of the pool that the store was made from, or of another one.
#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn users_publish_in_their_own_transactions() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { unreachable!() };
    let pool = sqlx::PgPool::connect(&crate::support::url()).await.expect("Postgres");
    let builder = SqlStore::builder().schema(&schema.name).prefix("own_").shards(4);
    let postgres = builder.from_pool(pool.clone()).await.expect("opened");
    assert_eq!(postgres.profile().shards, 4);
    let mut tx: PostgresTransaction = pool.begin().await.expect("begun");
    // In another isolation, too.
    sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        .execute(&mut *tx)
        .await
        .expect("set");
    postgres.publish_in(&mut tx, &[event(1, 1)]).await.expect("published");
    tx.commit().await.expect("committed");
    assert_eq!(all(&postgres).await.len(), 1);

    let directory = tempfile::tempdir().expect("a directory");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(directory.path().join("own.db"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("SQLite");
    let sqlite = SqlStore::from_pool(pool.clone()).await.expect("opened");
    for commits in [true, false] {
        let mut tx: SqliteTransaction = pool.begin_with("BEGIN IMMEDIATE").await.expect("begun");
        sqlite.publish_in(&mut tx, &[event(1, 1)]).await.expect("published");
        if commits {
            tx.commit().await.expect("committed");
        }
    }
    assert_eq!(all(&sqlite).await.len(), 1);
    let mut tx = pool.begin().await.expect("begun");
    let error = postgres.publish_in(&mut tx, &[event(1, 1)]).await.expect_err("another database");
    assert!(!error.is_temporary(), "{error}");
}

#[tokio::test]
async fn a_transaction_of_another_file_is_refused_with_the_fix() {
    let database = Database::sqlite();
    let store = database.open().await;
    let directory = tempfile::tempdir().expect("a directory");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(directory.path().join("other.db"))
        .create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("SQLite");
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.expect("begun");
    let error = store.publish_in(&mut tx, &[event(1, 1)]).await.expect_err("another file");
    assert!(!error.is_temporary(), "{error}");
    let error = error.to_string();
    assert!(error.contains("of another database than the store (no such table: "), "{error}");
    assert!(error.contains("`SqlStore::from_pool`"), "{error}");
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_transaction_without_the_tables_is_refused_with_the_fix_on_postgres() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { unreachable!() };
    let pool = sqlx::PgPool::connect(&crate::support::url()).await.expect("Postgres");
    let store = database.open().await;
    let mut tx = pool.begin().await.expect("begun");
    let rename = format!("ALTER TABLE {}.cqrs_outbox RENAME TO gone", schema.name);
    sqlx::raw_sql(sqlx::AssertSqlSafe(rename)).execute(&mut *tx).await.expect("renamed");
    let error = store.publish_in(&mut tx, &[event(1, 1)]).await.expect_err("no table");
    assert!(error.to_string().contains("`SqlStore::from_pool`"), "{error}");
}

const FILE_OF_CHILD: &str = "CQRS_SQL_TEST_FILE";

/// What a process of the next test does.
#[tokio::test]
async fn process() {
    let Ok(path) = std::env::var(FILE_OF_CHILD) else { return };
    let store = SqlStore::sqlite(path).await.expect("opened");
    let entity = std::process::id();
    for number in 1..=50 {
        store.append(&[entry(vec![event(entity, number)])]).await.expect("appended");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.db");
    let program = std::env::current_exe().expect("this program");
    let processes: Vec<_> = (0..2)
        .map(|_| {
            std::process::Command::new(&program)
                .args(["--exact", "order::process"])
                .env(FILE_OF_CHILD, &path)
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("a process")
        })
        .collect();
    let store = SqlStore::sqlite(&path).await.expect("opened");
    let has_ended = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(read_on(store.clone(), Arc::clone(&has_ended), 10));
    store.append(&[entry(vec![event(0, 1)])]).await.expect("appended");
    let mut numbers = HashMap::from([(0, 1)]);
    for mut process in processes {
        numbers.insert(process.id(), 50);
        let ended = tokio::task::spawn_blocking(move || process.wait()).await.expect("waited");
        assert!(ended.expect("ended").success());
    }
    has_ended.store(true, Ordering::SeqCst);
    check(&reader.await.expect("a reader"), &numbers);
}
