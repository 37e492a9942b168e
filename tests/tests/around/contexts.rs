//! The work belongs to the call: middleware that changes the context changes only what it says.

use std::sync::{Mutex, OnceLock};

use cqrs_core::handler::DeliveryError;
use cqrs_core::middleware::{Call, Middleware, Next, Outcome};
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};

#[derive(Serialize, Deserialize, Event)]
struct Arrived {
    #[event(entity_id)]
    id: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct Announced {
    #[event(entity_id)]
    id: u32,
}

fn acme() -> Context {
    Context::for_tenant("acme").expect("a valid tenant")
}

/// Runs everything for another tenant, in a context that knows nothing of the call.
struct SwitchTenant;

impl Middleware for SwitchTenant {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        if call.name() == "arrived" {
            call.set_context(Context::for_tenant("other").expect("a valid tenant"));
        }
        next.run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_for_another_tenant_keeps_its_time_limit() {
    let forever = Handler::event_fn("h", |_: Published<Arrived>, _| std::future::pending());
    let options = HandlerOptions::DEFAULT.retry(RetryPolicy::none());
    let options = options.timeout(Some(Duration::from_secs(1)));
    let app = App::builder().bare().middleware(SwitchTenant).register(forever.options(options));
    let app = TestApp::from_builder(app).build().expect("wired");
    app.publish(&acme(), Arrived { id: 1 }).await.expect("accepted");
    app.settled().await;
    let error = app.deliveries_to_named("h")[0].last_error().expect("it failed").clone();
    assert!(matches!(error, DeliveryError::TimedOut(after) if after == Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn a_call_for_another_tenant_keeps_its_attempt_its_id_and_its_right_to_publish() {
    let bus: Arc<OnceLock<EventBus>> = Arc::default();
    let seen: Arc<Mutex<Vec<Context>>> = Arc::default();
    let (events, contexts) = (Arc::clone(&bus), Arc::clone(&seen));
    let handler = Handler::event_fn("h", move |event: Published<Arrived>, ctx: Context| {
        let events = events.get().expect("set after the build").clone();
        contexts.lock().expect("no panic").push(ctx.clone());
        async move {
            events.publish(&ctx, Announced { id: event.id }).await?;
            if ctx.attempt() < 2 { Err(HandlerError::msg("not yet")) } else { Ok(()) }
        }
    });
    let listen = Handler::event_fn("listen", |_: Published<Announced>, _| async { Ok(()) });
    let app = App::builder().bare().queue_capacity(1).middleware(SwitchTenant);
    let app = TestApp::from_builder(app.register(handler).register(listen));
    let app = app.build().expect("wired");
    bus.set(app.events().clone()).expect("set once");
    let id = app.publish(&acme(), Arrived { id: 1 }).await.expect("accepted");
    app.settled().await;

    let seen = seen.lock().expect("no panic");
    let attempts: Vec<_> = seen.iter().map(Context::attempt).collect();
    assert_eq!(attempts, [1, 2]);
    assert!(seen.iter().all(|ctx| ctx.message_id() == id && ctx.tenant().to_string() == "other"));
    let [announced] = &app.published::<Announced>()[..] else { panic!("once, when it succeeds") };
    assert_eq!(announced.context().tenant().to_string(), "other");
    assert_eq!(announced.context().causation_id(), Some(id));
}

/// Notes the current context of middleware.
#[derive(Clone, Default)]
struct NoteCurrent(Arc<Mutex<Vec<Option<String>>>>);

impl Middleware for NoteCurrent {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let current = Context::current().map(|ctx| ctx.tenant().to_string());
        self.0.lock().expect("no panic").push(current);
        next.run(call).await
    }
}

#[derive(Command)]
struct Announce;

#[tokio::test(start_paused = true)]
async fn middleware_has_the_current_context_of_its_call() {
    let note = NoteCurrent::default();
    let command = Handler::command_fn("announce", |_: Announce, _| async { Ok(()) });
    let event = Handler::event_fn("h", |_: Published<Arrived>, _| async { Ok(()) });
    let app = App::builder().bare().middleware(note.clone()).register(command).register(event);
    let app = TestApp::from_builder(app).build().expect("wired");
    app.execute(&acme(), Announce).await.expect("executed");
    app.publish(&Context::system(), Arrived { id: 1 }).await.expect("accepted");
    app.settled().await;
    let seen = note.0.lock().expect("no panic");
    assert_eq!(*seen, [Some("acme".to_owned()), Some("(system)".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_context_for_another_tenant_is_part_of_the_same_work() {
    let bus: Arc<OnceLock<EventBus>> = Arc::default();
    let events = Arc::clone(&bus);
    let handler = Handler::event_fn("h", move |event: Published<Arrived>, ctx: Context| {
        let events = events.get().expect("set after the build").clone();
        async move {
            let other = Context::for_tenant("other")?;
            let other = ctx.clone().with_tenant(other.tenant().clone());
            assert_eq!((other.attempt(), other.message_id()), (1, ctx.message_id()));
            assert_eq!(other.deadline(), ctx.deadline());
            events.publish(&other, Announced { id: event.id }).await?;
            Err(HandlerError::msg("no").permanent())
        }
    });
    let app = TestApp::from_builder(App::builder().bare().register(handler));
    let app = app.build().expect("wired");
    bus.set(app.events().clone()).expect("set once");
    app.expect_failures();
    app.publish(&acme(), Arrived { id: 1 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(app.published::<Announced>().len(), 0, "the handler failed");
}
