//! A command runs to its own end, also if its caller goes away. A query ends with its caller.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cqrs_core::Handler;
use cqrs_core::middleware::Log;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use tokio::time::{sleep, timeout};

use crate::support::{ONCE, acme, everybody_waits};

#[derive(Command)]
struct HireEmployee;

#[derive(Query)]
#[query(output = u32)]
struct CountEmployees;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeHired {
    #[event(entity_id)]
    id: u32,
}

/// A command that takes a second and then publishes; a query that takes a second.
fn app(has_middleware: bool) -> (TestApp, Arc<AtomicUsize>) {
    let ended = Arc::new(AtomicUsize::new(0));
    let bus: Arc<std::sync::OnceLock<EventBus>> = Arc::default();
    let (events, count) = (Arc::clone(&bus), Arc::clone(&ended));
    let hire = Handler::command_fn("hire", move |_: HireEmployee, ctx: Context| {
        let (events, count) = (Arc::clone(&events), Arc::clone(&count));
        async move {
            sleep(Duration::from_secs(1)).await;
            let events = events.get().ok_or_else(|| HandlerError::msg("no bus"))?;
            events.publish(&ctx, EmployeeHired { id: 1 }).await?;
            count.fetch_add(1, SeqCst);
            Ok(())
        }
    });
    let count = Arc::clone(&ended);
    let ask = Handler::query_fn("count", move |_: CountEmployees, _| {
        let count = Arc::clone(&count);
        async move {
            sleep(Duration::from_secs(1)).await;
            count.fetch_add(1, SeqCst);
            Ok(1)
        }
    });
    let greet = Handler::event_fn("greet", |_: Published<EmployeeHired>, _| async { Ok(()) });
    let mut app = App::builder().bare().register(hire).register(ask);
    if has_middleware {
        app = app.middleware(Log);
    }
    let app = TestApp::from_builder(app.register(greet)).build().expect("wired");
    bus.set(app.events().clone()).expect("set once");
    (app, ended)
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_caller_goes_away_runs_to_its_end() {
    for has_middleware in [false, true] {
        let (app, ended) = app(has_middleware);
        let ctx = acme();
        let call = app.execute(&ctx, HireEmployee);
        assert!(timeout(Duration::from_millis(500), call).await.is_err(), "the caller hangs up");
        assert_eq!(ended.load(SeqCst), 0);
        app.settled().await;
        assert_eq!(ended.load(SeqCst), 1, "settling waits for it");
        assert_eq!(app.deliveries_to_named("greet").len(), 1, "with all that it causes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_command_without_a_caller() {
    let (app, ended) = app(false);
    let ctx = acme();
    let call = app.execute(&ctx, HireEmployee);
    assert!(timeout(Duration::from_millis(1), call).await.is_err());
    assert!(app.shutdown(Duration::from_secs(30)).await.is_clean());
    assert_eq!(ended.load(SeqCst), 1);
    assert_eq!(app.deliveries_to_named("greet").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_without_a_caller_still_has_its_time_limit() {
    let forever = Handler::command_fn("hire", |_: HireEmployee, _| std::future::pending());
    let limited = forever.options(ONCE.timeout(Some(Duration::from_secs(5))));
    let app = TestApp::from_builder(App::builder().bare().register(limited));
    let app = app.build().expect("wired");
    let ctx = acme();
    assert!(timeout(Duration::from_millis(1), app.execute(&ctx, HireEmployee)).await.is_err());
    app.settled().await;
    let executed = app.executed::<HireEmployee>();
    assert!(executed[0].failure.as_ref().is_some_and(|text| text.contains("timed out after 5s")));
}

#[tokio::test(start_paused = true)]
async fn a_query_ends_with_its_caller() {
    let (app, ended) = app(false);
    let ctx = acme();
    assert!(timeout(Duration::from_millis(500), app.query(&ctx, CountEmployees)).await.is_err());
    app.settled().await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(ended.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_command_begins_in_its_callers_task() {
    let (app, ended) = app(false);
    let ctx = acme();
    let call = app.execute(&ctx, HireEmployee);
    drop(call);
    everybody_waits().await;
    app.settled().await;
    assert_eq!(ended.load(SeqCst), 0, "a command that was never polled was never begun");
}
