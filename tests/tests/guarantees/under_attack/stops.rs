//! Races at the stop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use cqrs_core::Handler;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::{Ping, SOON, bare, test_bare};
use crate::support::{ONCE, acme};

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn a_publisher_that_waits_for_room_during_the_stop_is_refused_or_its_event_is_reported() {
    for threads in [1, 4] {
        let runtime = match threads {
            1 => current_thread(),
            _ => Builder::new_multi_thread()
                .worker_threads(threads)
                .enable_all()
                .build()
                .expect("a runtime"),
        };
        for _ in 0..20 {
            runtime.block_on(async {
                let never =
                    Handler::event_fn("never", |_: Published<Ping>, _| std::future::pending());
                let app = bare().queue_capacity(1).register(never.options(ONCE.concurrency(1)));
                let app = app.build().expect("wired");
                let publishers: Vec<_> = (0..3)
                    .map(|n| {
                        let events = app.events().clone();
                        tokio::spawn(
                            async move { events.publish(&acme(), Ping { id: n, n }).await },
                        )
                    })
                    .collect();
                tokio::task::yield_now().await;
                let report = app.shutdown(Duration::from_millis(5)).await;
                let mut accepted = 0;
                for publisher in publishers {
                    accepted += usize::from(publisher.await.expect("no panic").is_ok());
                }
                assert_eq!(accepted, report.unfinished().len(), "{report}");
                timeout(SOON, app.idle()).await.expect("nothing is left in flight");
            });
        }
    }
}

static SERIALIZING: AtomicBool = AtomicBool::new(false);
static STOPPED: AtomicBool = AtomicBool::new(false);

#[derive(Deserialize, Event)]
struct SlowToSerialize {
    n: u64,
}

impl Serialize for SlowToSerialize {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SERIALIZING.store(true, SeqCst);
        while !STOPPED.load(SeqCst) {
            std::thread::yield_now();
        }
        serializer.serialize_u64(self.n)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_event_that_is_still_being_accepted_when_all_stops_is_refused() {
    let handler = Handler::event_fn("h", |_: Published<SlowToSerialize>, _| async { Ok(()) });
    let app = bare().register(handler).build().expect("wired");
    let events = app.events().clone();
    let publisher = tokio::spawn(async move {
        events.publish_and_wait(&acme(), SlowToSerialize { n: 1 }).await.map(|_| ())
    });
    while !SERIALIZING.load(SeqCst) {
        tokio::task::yield_now().await;
    }
    assert!(app.shutdown(Duration::ZERO).await.is_clean());
    STOPPED.store(true, SeqCst);
    let refused = timeout(SOON, publisher).await.expect("it does not hang").expect("no panic");
    assert!(matches!(refused, Err(PublishError::ShutDown { .. })));
    let again = timeout(SOON, app.shutdown(Duration::from_hours(1)))
        .await
        .expect("there is nothing to wait for");
    assert!(again.is_clean(), "{again}");
}

#[tokio::test(start_paused = true)]
async fn no_handler_begins_after_a_shutdown_has_returned() {
    for seed in 0..20 {
        let (over, late) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (is_over, count) = (Arc::clone(&over), Arc::clone(&late));
        let handler = Handler::event_fn("h", move |_: Published<Ping>, _| {
            if is_over.load(SeqCst) {
                count.fetch_add(1, SeqCst);
            }
            async { Ok(()) }
        });
        let app = test_bare().shuffle(seed).register(handler).build().expect("wired");
        app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
        tokio::task::yield_now().await;
        let _ = app.shutdown(Duration::ZERO).await;
        over.store(true, SeqCst);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(late.load(SeqCst), 0, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn overlapping_shutdowns_are_told_the_same() {
    let never = Handler::event_fn("never", |_: Published<Ping>, _| std::future::pending());
    let app = bare().register(never.options(ONCE)).build().expect("wired");
    app.events().publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    let (long, short) =
        tokio::join!(app.shutdown(Duration::from_secs(30)), app.shutdown(Duration::from_secs(1)));
    assert!(!long.is_clean() && !short.is_clean());
}

#[derive(Command)]
struct TakeASecond;

#[command_handler(TakeASecond)]
struct TakeASecondHandler;

impl CommandHandler<TakeASecond> for TakeASecondHandler {
    async fn execute(&self, _: TakeASecond, _: &Context) -> Result<(), HandlerError> {
        sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_may_finish_in_a_shutdown_before_the_start_and_what_was_kept_is_reported() {
    let app = TestApp::from_builder(App::builder().start_manually())
        .only::<TakeASecondHandler>()
        .register(Handler::event_fn("h", |_: Published<Ping>, _| async { Ok(()) }))
        .build()
        .expect("wired");
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    let commands = app.commands().clone();
    let running = tokio::spawn(async move { commands.execute(&acme(), TakeASecond).await });
    sleep(Duration::from_millis(1)).await;
    let report = app.shutdown(Duration::from_secs(30)).await;
    running.await.expect("no panic").expect("it had time");
    assert_eq!(report.unfinished().len(), 1, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_outlives_the_deadline_is_reported() {
    let handler = Handler::event_fn("h", |_: Published<Ping>, ctx: Context| async move {
        ctx.spawn(sleep(Duration::from_secs(100)));
        Ok(())
    });
    let app = bare().register(handler).build().expect("wired");
    app.events().publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    let report = app.shutdown(SOON).await;
    assert!(report.to_string().contains("tasks that handlers spawned: 1"), "{report}");
}

#[test]
fn a_runtime_without_timers_will_do_where_no_time_is_asked_for() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let handler = Handler::event_fn("h", |_: Published<Ping>, _| async {
        tokio::task::yield_now().await;
        Ok(())
    });
    let app = bare().register(handler.options(ONCE)).build().expect("wired");
    runtime.block_on(async {
        app.events().publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
        app.idle().await;
    });
}
