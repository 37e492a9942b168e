//! What an application promises while its Postgres server stops, starts, and loses what it had.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cqrs_core::log::EventLog as _;
use cqrs_core::prelude::*;
use cqrs_core::{EventBus, PublishError};
use cqrs_sql::{PublishIn as _, SqlStore};
use sqlx::PgPool;
use tokio::task::JoinSet;

use crate::applications::{
    Counted, CountedTwice, Seen, app, complete, idle, noting, noting_twice, publish_for_tenants,
    repeating, stop, tenant,
};
use crate::faulty::{Call, Fault, Faulty, faulty};
use crate::logs::{is_logged, keep_logs};
use crate::server::{End, Server};
use crate::sql::options;
use crate::support::{eventually, read_all};

/// How long the server is away in a test: longer than anything in the application waits for it.
const AWAY: Duration = Duration::from_mins(1);

/// How many publishers there are of each kind.
const PUBLISHERS: u32 = 4;

async fn open(server: &Server) -> Arc<SqlStore> {
    Arc::new(options().postgres(&server.url()).await.unwrap())
}

/// An application under load.
struct Load {
    store: Arc<SqlStore>,
    app: App,
    seen: Seen,
    seen_twice: Seen,
    has_ended: Arc<AtomicBool>,
    publishers: JoinSet<(u32, Vec<u32>)>,
}

impl Load {
    async fn start(server: &Server) -> Self {
        let store = open(server).await;
        let (seen, seen_twice, events) = (Seen::default(), Seen::default(), Arc::default());
        let handlers =
            [noting("one", &seen), repeating(&events), noting_twice("twice", &seen_twice)];
        let app = app(store.clone(), handlers).await;
        events.set(app.events().clone()).unwrap();
        let has_ended = Arc::<AtomicBool>::default();
        let pool = PgPool::connect(&server.url()).await.unwrap();
        let mut publishers = JoinSet::new();
        for counter in 0..PUBLISHERS {
            let (events, has_ended) = (app.events().clone(), Arc::clone(&has_ended));
            publishers.spawn(publish_until(has_ended, counter, async move |number| {
                let event = Counted { counter, number };
                events.publish(&tenant(counter), event).await.is_ok()
            }));
        }
        for counter in PUBLISHERS..2 * PUBLISHERS {
            let (events, pool) = (app.events().clone(), pool.clone());
            publishers.spawn(publish_until(Arc::clone(&has_ended), counter, async move |number| {
                publish_in(&pool, &events, Counted { counter, number }).await.is_ok()
            }));
        }
        Self { store, app, seen, seen_twice, has_ended, publishers }
    }

    /// Waits until the handlers have handled more.
    async fn goes_on(&self) {
        let before = (self.seen.len(), self.seen_twice.len());
        eventually("the handlers go on", async || {
            self.seen.len() > before.0 + 100 && self.seen_twice.len() > before.1 + 100
        })
        .await;
    }

    /// Ends the load, and checks that what was accepted is handled, in order, and that what handlers publish happens once.
    async fn finish(mut self) {
        self.has_ended.store(true, SeqCst);
        let mut accepted = BTreeMap::new();
        while let Some(publisher) = self.publishers.join_next().await {
            let (counter, numbers) = publisher.unwrap();
            accepted.insert(counter, numbers);
        }
        eventually("what was accepted is handled", async || {
            [&self.seen, &self.seen_twice].iter().all(|seen| {
                let seen = seen.by_counter();
                accepted.iter().all(|(it, numbers)| numbers.iter().all(|no| seen[it].contains(no)))
            })
        })
        .await;
        idle(&self.app).await;
        for (counter, numbers) in self.seen.by_counter() {
            let mut first_times = Vec::new();
            for number in numbers {
                if !first_times.contains(&number) {
                    first_times.push(number);
                }
            }
            assert!(first_times.is_sorted(), "of {counter}: {first_times:?}");
        }
        let mut twice = BTreeMap::<_, u32>::new();
        for logged in read_all(&*self.store).await {
            if logged.event.name == CountedTwice::NAME {
                *twice.entry(logged.event.payload).or_default() += 1;
            }
        }
        assert!(twice.values().all(|times| *times == 1), "{twice:?}");
        stop(self.app).await;
    }
}

/// Publishes the numbers from 0 on, and returns those that were accepted.
async fn publish_until(
    has_ended: Arc<AtomicBool>,
    counter: u32,
    mut publish: impl AsyncFnMut(u32) -> bool,
) -> (u32, Vec<u32>) {
    let mut accepted = Vec::new();
    let mut number = 0;
    while !has_ended.load(SeqCst) {
        if publish(number).await {
            accepted.push(number);
        }
        number += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (counter, accepted)
}

async fn publish_in(
    pool: &PgPool,
    events: &EventBus,
    event: Counted,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut tx = pool.begin().await?;
    events.publish_in(&mut tx, &tenant(event.counter), event).await?;
    Ok(tx.commit().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn nothing_is_lost_when_the_server_restarts_under_load() {
    let mut server = Server::start().await;
    let load = Load::start(&server).await;
    for end in [End::Clean, End::Crash, End::Crash] {
        load.goes_on().await;
        server.stop(end).await;
        server.start_again().await;
    }
    load.goes_on().await;
    load.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn publishers_are_refused_at_their_deadlines_while_the_server_is_away_under_load() {
    const REFUSED: u32 = 1000;
    const DEADLINE: Duration = Duration::from_secs(2);
    let mut server = Server::start().await;
    let load = Load::start(&server).await;
    load.goes_on().await;
    server.stop(End::Crash).await;
    let began = Instant::now();
    let mut hurried = JoinSet::new();
    for number in 0..16 {
        let events = load.app.events().clone();
        hurried.spawn(async move {
            let ctx = tenant(number).with_timeout(DEADLINE);
            let refused = events.publish(&ctx, Counted { counter: REFUSED, number }).await;
            (refused, began.elapsed())
        });
    }
    while let Some(publisher) = hurried.join_next().await {
        let (refused, took) = publisher.unwrap();
        let error = refused.expect_err("the server is away");
        assert!(matches!(error, PublishError::NotStored { .. }), "{error:?}");
        assert!(error.to_string().contains("was not accepted"), "{error}");
        assert!(took >= DEADLINE && took < DEADLINE * 2, "{took:?}");
    }
    tokio::time::sleep(AWAY.saturating_sub(began.elapsed())).await;
    server.start_again().await;
    load.goes_on().await;
    assert!(!load.seen.by_counter().contains_key(&REFUSED));
    load.finish().await;
}

/// After this, the server has the events with the number 0, and has lost those with the number 1, which were handled.
async fn lose_events(
    server: &mut Server,
    (app, store): (&App, &Faulty),
    seen: &Seen,
    tenants: u32,
) {
    publish_for_tenants(app, tenants, 0).await;
    idle(app).await;
    server.stop(End::Clean).await;
    server.keep_a_copy();
    server.start_again().await;
    publish_for_tenants(app, tenants, 1).await;
    idle(app).await;
    assert_eq!(seen.by_counter(), complete(tenants, 0..2));
    server.stop(End::Crash).await;
    server.go_back_to_the_copy();
    // Until the store is healed, the application sees nothing of it.
    store.begin(Fault::Fails, [Call::Read]);
    server.start_again().await;
}

async fn has_seen(seen: &Seen, tenants: u32, number: u32) {
    eventually("no event is skipped", async || {
        (0..tenants).all(|counter| seen.by_counter()[&counter].contains(&number))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_log_that_ends_earlier_is_reported_and_no_event_is_skipped() {
    keep_logs();
    let mut server = Server::start().await;
    let seen = Seen::default();
    let store = faulty(open(&server).await);
    let app = app(store.clone(), [noting("one", &seen)]).await;
    lose_events(&mut server, (&app, &store), &seen, 40).await;
    store.heal();
    let what = "the log ends at 40, but another log with position 80 was seen before";
    is_logged([what, "events that were accepted are lost"]).await;
    for number in 2..5 {
        publish_for_tenants(&app, 40, number).await;
        has_seen(&seen, 40, number).await;
    }
    stop(app).await;
}

/// The log is as long as before when the application reads it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn an_application_goes_on_in_a_dump_that_was_restored_into_a_new_server() {
    let (old, new) = (Server::start().await, Server::start().await);
    let seen = Seen::default();
    let first = app(open(&old).await, [noting("one", &seen)]).await;
    publish_for_tenants(&first, 40, 0).await;
    idle(&first).await;
    stop(first).await;
    let publisher = app(open(&old).await, []).await;
    publish_for_tenants(&publisher, 40, 1).await;
    stop(publisher).await;
    assert_eq!(seen.by_counter(), complete(40, 0..1));
    old.dump_into(&new);
    drop(old);
    let late = Seen::default();
    let second = app(open(&new).await, [noting("one", &seen), noting("new", &late)]).await;
    publish_for_tenants(&second, 40, 2).await;
    idle(&second).await;
    assert_eq!(seen.by_counter(), complete(40, 0..3));
    assert_eq!(late.by_counter(), complete(40, 2..3));
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_store_waits_for_its_server_or_fails_at_once() {
    keep_logs();
    let mut server = Server::start().await;
    server.stop(End::Clean).await;
    let url = server.url();
    let hurried = options().wait_for_server(Duration::ZERO).postgres(&url).await;
    let error = hurried.expect_err("the server is away").to_string();
    assert!(error.contains("cannot be opened") && error.contains("refused"), "{error}");
    let patient = tokio::spawn(async move {
        options().wait_for_server(Duration::from_mins(1)).postgres(&url).await
    });
    is_logged(["the log's database cannot be reached; trying again"]).await;
    server.start_again().await;
    let store = patient.await.unwrap().unwrap();
    assert_eq!(store.range().await.unwrap().end().0, 0);
}
