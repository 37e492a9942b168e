//! SQLite files that are full or read-only.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::PublishError;
use cqrs_core::prelude::*;
use cqrs_sql::{OpenError, SqlStore};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Executor as _, SqliteConnection};

use crate::applications::{
    Counted, Seen, app, complete, ctx, idle, noting, publish, repeating, stop,
};
use crate::sql::options;

fn file(directory: &tempfile::TempDir) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(directory.path().join("log.db"));
    options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal)
}

async fn set(connection: &mut SqliteConnection, setting: String) -> sqlx::Result<()> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(setting))).await.map(drop)
}

/// A pool of whose connections each has this setting whenever it is used, also a new one.
async fn pool_with(
    directory: &tempfile::TempDir,
    setting: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> SqlitePool {
    let again = setting.clone();
    let pool = SqlitePoolOptions::new().max_connections(4);
    let pool = pool.after_connect(move |connection, _| Box::pin(set(connection, setting())));
    let pool = pool.before_acquire(move |connection, _| {
        let setting = again();
        Box::pin(async move { set(connection, setting).await.map(|()| true) })
    });
    pool.connect_with(file(directory)).await.unwrap()
}

async fn fill(app: &App) -> PublishError {
    for number in 0.. {
        let ctx = ctx().with_timeout(Duration::from_millis(300));
        let large = Large { counter: 1, text: "x".repeat(60_000) };
        if let Err(error) = app.events().publish(&ctx, large).await {
            return error;
        }
        assert!(number < 1000, "the disk is never full");
    }
    unreachable!()
}

#[derive(Debug, Serialize, Deserialize, Event)]
struct Large {
    #[event(entity_id)]
    counter: u32,
    text: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_goes_on_when_a_full_disk_has_space_again() {
    const NO_LIMIT: u32 = 1_000_000;
    let directory = tempfile::tempdir().unwrap();
    let pages = Arc::new(AtomicU32::new(NO_LIMIT));
    let pool = {
        let pages = Arc::clone(&pages);
        pool_with(&directory, move || format!("PRAGMA max_page_count = {}", pages.load(SeqCst)))
    };
    let pool = pool.await;
    let store = Arc::new(options().from_pool(pool).await.unwrap());
    let (seen, events) = (Seen::default(), Arc::default());
    let app = app(store, [noting("one", &seen), repeating(&events)]).await;
    events.set(app.events().clone()).unwrap();
    for round in 0..3 {
        publish(&app, 0, round * 2).await;
        pages.store(1, SeqCst);
        let error = fill(&app).await;
        assert!(matches!(error, PublishError::NotStored { .. }), "{error:?}");
        assert!(error.to_string().contains("full"), "{error}");
        let patient = {
            let app = app.clone();
            tokio::spawn(async move { publish(&app, 0, round * 2 + 1).await })
        };
        pages.store(NO_LIMIT, SeqCst);
        patient.await.unwrap();
    }
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(1, 0..6));
    stop(app).await;
}

/// What happens in the next test in a process that is not root, which may write to any file.
const FILE: &str = "CQRS_READ_ONLY_FILE";

#[tokio::test]
async fn a_file_that_may_only_be_read() {
    let Ok(path) = std::env::var(FILE) else { return };
    let error = SqlStore::sqlite(&path).await.expect_err("it may only be read");
    assert!(matches!(error, OpenError::NotWritable(_)), "{error}");
    let directory = Path::new(&path).parent().unwrap();
    let error = SqlStore::sqlite(directory.join("new.db")).await.expect_err("no new file");
    assert!(matches!(error, OpenError::NotWritable(_)), "{error}");
    assert!(error.to_string().contains("check the permissions"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_file_is_refused_with_the_reason() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    SqlStore::sqlite(&path).await.unwrap().close().await;
    set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    set_permissions(directory.path(), Permissions::from_mode(0o555)).unwrap();
    // Where another user can start it.
    let programs = tempfile::tempdir().unwrap();
    set_permissions(programs.path(), Permissions::from_mode(0o755)).unwrap();
    let program = programs.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut reader = std::process::Command::new(&program);
    reader.args(["--exact", "sqlite_files::a_file_that_may_only_be_read"]).env(FILE, &path);
    reader.current_dir(programs.path());
    if std::fs::metadata(&path).unwrap().uid() == 0 {
        reader.uid(65534).gid(65534);
    }
    let read = reader.output().unwrap();
    set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let output = String::from_utf8_lossy(&read.stdout);
    assert!(read.status.success() && output.contains("1 passed"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_is_told_that_a_file_became_read_only() {
    let directory = tempfile::tempdir().unwrap();
    options().from_pool(SqlitePool::connect_with(file(&directory)).await.unwrap()).await.unwrap();
    let may_write = Arc::new(AtomicU32::new(1));
    let pool = {
        let may_write = Arc::clone(&may_write);
        pool_with(&directory, move || format!("PRAGMA query_only = {}", 1 - may_write.load(SeqCst)))
    };
    let pool = pool.await;
    let seen = Seen::default();
    let app = app(Arc::new(options().from_pool(pool).await.unwrap()), [noting("one", &seen)]).await;
    publish(&app, 0, 0).await;
    may_write.store(0, SeqCst);
    let hurried = ctx().with_timeout(Duration::from_millis(300));
    let refused = app.events().publish(&hurried, Counted { counter: 0, number: 9 }).await;
    let error = refused.expect_err("it may only be read");
    assert!(error.to_string().contains("readonly"), "{error}");
    may_write.store(1, SeqCst);
    publish(&app, 0, 1).await;
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(1, 0..2));
    stop(app).await;
}
