use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cqrs_core::log::{Entry, EventLog as _, Position, ScheduledEvent, Scheduling as _, Store as _};
use cqrs_sql::{SqlStore, SqliteTransaction};
use jiff::Timestamp;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Database, all, entry, event, url};

/// A proxy in front of Postgres that passes on what the server gets, and cuts the connection instead of the answer as
/// often as it is told.
struct Proxy {
    port: u16,
    cuts: Arc<AtomicU32>,
}

impl Proxy {
    async fn start(server: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let cuts = Arc::new(AtomicU32::new(0));
        let shared = Arc::clone(&cuts);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a client");
                let server = TcpStream::connect(server.clone()).await.expect("the server");
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move {
                    tokio::io::copy(&mut from_client, &mut to_server).await.unwrap_or_default();
                });
                let cuts = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut bytes = vec![0; 64 * 1024];
                    while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
                        let cut = |left: u32| left.checked_sub(1);
                        if cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, cut).is_ok() {
                            return;
                        }
                        if to_client.write_all(&bytes[..read]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, cuts }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn an_append_whose_answer_was_lost_is_found() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { unreachable!() };
    let options: PgConnectOptions = url().parse().expect("a URL");
    let proxy = Proxy::start((options.get_host().to_owned(), options.get_port())).await;
    let options = options.host("127.0.0.1").port(proxy.port);
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(2)
        // The ping before each use would notice the cut.
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .expect("connected");
    let store = SqlStore::builder().schema(&schema.name).from_pool(pool).await.expect("opened");
    // The statement is prepared now, so that the next answer is that of the append itself.
    for _ in 0..4 {
        store.append(&[entry(vec![event(1, 1)])]).await.expect("appended");
    }
    let mut scheduled = 0;
    for number in 1..=10 {
        let before = store.range().await.expect("the range").end().0;
        proxy.cuts.store(1, Ordering::SeqCst);
        let due = ScheduledEvent { due: Timestamp::UNIX_EPOCH, event: event(5, number) };
        let entries = [
            entry(vec![event(2, number), event(3, number)]),
            entry(vec![event(4, 1)]),
            Entry { scheduled: vec![due], ..Entry::default() },
        ];
        let firsts = store.append(&entries).await;
        assert_eq!(proxy.cuts.load(Ordering::SeqCst), 0);
        match firsts {
            Ok(firsts) => {
                let expected = [Some(Position(before + 1)), Some(Position(before + 3))];
                assert_eq!(firsts[..2], expected);
                scheduled += 1;
            }
            // The statement had to be prepared on a new connection, and that was what was cut.
            Err(error) => {
                assert!(error.is_temporary(), "{error}");
                assert_eq!(store.range().await.expect("the range").end().0, before);
            }
        }
        for _ in 0..4 {
            store.append(&[entry(vec![event(1, 1)])]).await.expect("appended");
        }
    }
    assert_eq!(store.move_due(100, Duration::ZERO).await.expect("moved").moved.len(), scheduled);
    let events = all(&store).await;
    let ids: HashSet<_> = events.iter().map(|event| event.event.id).collect();
    assert_eq!(ids.len(), events.len());
    assert!(events.iter().filter(|it| it.event.entity_id.as_deref() == Some("2")).count() > 3);
}

/// The server ends the connections at any moment. An error means that nothing was appended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_killed_backend_loses_and_doubles_nothing() {
    let database = Database::postgres();
    let store = database.open().await;
    let name = format!("killed-{}", uuid::Uuid::now_v7().simple());
    let Database::Postgres(schema) = &database else { unreachable!() };
    let options: PgConnectOptions = url().parse().expect("a URL");
    let pool = PgPool::connect_with(options.application_name(&name)).await.expect("connected");
    let killed = SqlStore::builder().schema(&schema.name).from_pool(pool).await.expect("opened");
    let killing = tokio::spawn(async move {
        let pool = PgPool::connect(&url()).await.expect("Postgres");
        loop {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(5..60))).await;
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
            sqlx::query(sql).bind(&name).execute(&pool).await.expect("killed");
        }
    });
    let mut appended = Vec::new();
    for _ in 0..200 {
        let event = event(1, 1);
        let id = event.id;
        match killed.append(&[entry(vec![event])]).await {
            Ok(firsts) => appended.push((firsts[0].expect("a position"), id)),
            Err(error) => assert!(error.is_temporary(), "{error}"),
        }
    }
    killing.abort();
    let found: Vec<_> = all(&store).await.iter().map(|it| (it.position, it.event.id)).collect();
    assert_eq!(found, appended);
}

/// SQLite rolls back by itself when the disk is full, and sqlx does not notice.
#[tokio::test]
async fn a_full_disk_leaves_a_store_that_works() {
    let database = Database::sqlite();
    let store = database.open().await;
    let units = store.units().expect("transactions");
    let large = |number| {
        let mut event = event(1, number);
        event.payload = format!("\"{}\"", "x".repeat(1 << 20));
        event
    };
    let limit = async |pages: u32| {
        let mut unit = units.begin(None).await.expect("begun");
        let tx: &mut SqliteTransaction = unit.transaction().downcast_mut().expect("SQLite");
        let sql = format!("PRAGMA max_page_count = {pages}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut **tx).await.expect("set");
        unit.commit().await.expect("committed");
    };
    limit(100).await;
    for _ in 0..3 {
        let mut unit = units.begin(None).await.expect("begun");
        let error = unit.publish(&[large(1)]).await.expect_err("full");
        assert!(error.is_temporary(), "{error}");
        drop(unit);
    }
    limit(1_000_000).await;
    let mut unit = units.begin(None).await.expect("begun");
    unit.publish(&[large(1)]).await.expect("published");
    unit.commit().await.expect("committed");
    store.append(&[entry(vec![large(2)])]).await.expect("appended");
    assert_eq!(all(&store).await.len(), 2);
}
