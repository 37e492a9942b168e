//! What counts as inside a handler.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};
use tokio::time::{sleep, timeout};

use super::{Ping, bare, test_bare};
use crate::support::{ONCE, acme};

type Slot<T> = Arc<Mutex<Option<T>>>;

fn fill<T>(slot: &Slot<T>, value: T) {
    *slot.lock().expect("not poisoned") = Some(value);
}

fn read<T: Clone>(slot: &Slot<T>) -> T {
    slot.lock().expect("not poisoned").clone().expect("filled before")
}

/// A handler that publishes for another tenant, within that tenant's scope.
fn switches_tenant(events: &Slot<EventBus>, waits_for_shutdown: bool, capacity: usize) -> TestApp {
    let slot = Arc::clone(events);
    let handler = Handler::event_fn("h", move |event: Published<Ping>, ctx: Context| {
        let events = read(&slot);
        async move {
            if event.n == 0 {
                if waits_for_shutdown {
                    ctx.shutting_down().await;
                }
                let other = Context::for_tenant("other")?;
                other.scope(async { events.publish(&other, Ping { id: 9, n: 1 }).await }).await?;
            }
            Ok(())
        }
    });
    let options = HandlerOptions::DEFAULT.retry(RetryPolicy::none());
    let app =
        TestApp::from_builder(bare().queue_capacity(capacity)).register(handler.options(options));
    let app = app.build().expect("wired");
    fill(events, app.events().clone());
    app
}

#[tokio::test(start_paused = true)]
async fn a_scope_of_another_tenant_inside_a_handler_is_still_inside_it() {
    let slot = Slot::default();
    let app = switches_tenant(&slot, false, 1);
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    app.settled().await;
    assert!(app.dead_letters().await.is_empty(), "it did not wait for itself: {}", app.timeline());

    let slot = Slot::default();
    let app = switches_tenant(&slot, true, 9);
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    sleep(Duration::from_millis(1)).await;
    assert!(app.shutdown(Duration::from_mins(1)).await.is_clean());
    assert!(app.dead_letters().await.is_empty(), "its cascade was accepted: {}", app.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_task_spawned_with_a_fresh_context_inside_a_handler_counts_as_its_work() {
    let done = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&done);
    let handler = Handler::event_fn("h", move |_: Published<Ping>, _| {
        let flag = Arc::clone(&flag);
        async move {
            Context::for_tenant("other")?.spawn(async move {
                sleep(Duration::from_secs(1)).await;
                flag.store(true, SeqCst);
            });
            Ok(())
        }
    });
    let app = test_bare().register(handler).build().expect("wired");
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    app.settled().await;
    assert!(done.load(SeqCst));
}

#[derive(Command)]
#[command(output = String)]
struct WhichTenant;

#[tokio::test(start_paused = true)]
async fn the_current_context_is_right_also_before_a_handlers_first_await() {
    let current = || Context::current().map_or("none".to_owned(), |ctx| ctx.tenant().to_string());
    let handler = Handler::command_fn("which", move |_: WhichTenant, _| {
        let tenant = current();
        async move { Ok(tenant) }
    });
    let app = test_bare().register(handler).build().expect("wired");
    let globex = Context::for_tenant("globex").expect("valid");
    let tenant = acme().scope(async { app.execute(&globex, WhichTenant).await }).await;
    assert_eq!(tenant.expect("it cannot fail"), "globex");
}

#[tokio::test(start_paused = true)]
async fn a_context_that_is_kept_after_its_handler_is_like_any_other() {
    let kept: Slot<Context> = Slot::default();
    let slot = Arc::clone(&kept);
    let handler = Handler::event_fn("h", move |event: Published<Ping>, ctx: Context| {
        if event.n == 0 {
            fill(&slot, ctx);
        }
        let is_first = event.n == 0;
        async move { if is_first { Ok(()) } else { std::future::pending().await } }
    });
    let app = TestApp::from_builder(bare().queue_capacity(1)).register(handler.options(ONCE));
    let app = app.build().expect("wired");
    app.publish(&acme(), Ping { id: 1, n: 0 }).await.expect("accepted");
    app.settled().await;
    let ctx = read(&kept);
    app.publish(&ctx, Ping { id: 2, n: 1 }).await.expect("there is room for one");
    let second = timeout(Duration::from_secs(1), app.publish(&ctx, Ping { id: 3, n: 1 })).await;
    assert!(second.is_err(), "it waits for room, as other publishers do");
}

#[tokio::test(start_paused = true)]
async fn applications_that_publish_to_each_other_do_not_wait_for_each_other() {
    fn plays(other: &Slot<EventBus>) -> TestApp {
        let other = Arc::clone(other);
        let handler = Handler::event_fn("h", move |event: Published<Ping>, ctx: Context| {
            let events = read(&other);
            async move {
                if event.n > 0 {
                    for k in 0..2 {
                        events.publish(&ctx, Ping { id: event.id * 2 + k, n: event.n - 1 }).await?;
                    }
                }
                Ok(())
            }
        });
        let options = HandlerOptions::DEFAULT.retry(RetryPolicy::none());
        let app =
            TestApp::from_builder(bare().queue_capacity(2)).register(handler.options(options));
        app.build().expect("wired")
    }
    let (to_a, to_b) = (Slot::default(), Slot::default());
    let (a, b) = (plays(&to_b), plays(&to_a));
    fill(&to_a, a.events().clone());
    fill(&to_b, b.events().clone());
    a.publish(&acme(), Ping { id: 1, n: 8 }).await.expect("accepted");
    for _ in 0..20 {
        a.settled().await;
        b.settled().await;
    }
    assert!(a.dead_letters().await.is_empty() && b.dead_letters().await.is_empty());
    let handled = a.deliveries_to_named("h").len() + b.deliveries_to_named("h").len();
    assert_eq!(handled, (1 << 9) - 1);
}

#[test]
fn an_actor_read_from_outside_is_one_step_deep_and_breaks_no_log_line() {
    let mut actor = r#"{"kind":"user","id":"a\nb"}"#.to_owned();
    for _ in 0..50 {
        actor = format!(r#"{{"kind":"user","id":"x","on_behalf_of":{actor}}}"#);
    }
    let actor: Actor = serde_json::from_str(&actor).expect("an actor");
    assert!(actor.to_string().len() < 100, "{actor}");
    assert!(!Actor::user("a\nb").named("c\nd").to_string().contains('\n'));
}
