//! Middleware sees every call, in declared order, and may refuse it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cqrs_core::handler::DeliveryError;
use cqrs_core::middleware::{
    Authorize, Call, CallError, Log, Middleware, Next, Outcome, Rejection, RejectionKind, Timeout,
    Validate, Validation, Violations,
};
use cqrs_core::prelude::*;
use cqrs_core::testing::{TestApp, TestAppBuilder};
use cqrs_core::{AppBuilder, modules};

fn acme() -> Context {
    Context::for_tenant("acme").expect("valid")
}

#[derive(Command)]
#[command(output = u32, error = Refused)]
struct Rename {
    to: String,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("that name is taken")]
struct Refused;

impl Validate for Rename {
    fn validate(&self) -> Result<(), Violations> {
        let mut violations = Violations::default();
        if self.to.is_empty() {
            violations.add("to", "must not be empty").with_code("empty");
        }
        violations.into_result()
    }
}

#[derive(Serialize, Deserialize, Event)]
struct Renamed {
    #[event(entity_id)]
    id: u32,
    to: String,
}

#[derive(Query)]
#[query(output = u32)]
struct CountRenames;

#[derive(Clone, Default)]
struct Calls(Arc<AtomicU32>);

#[command_handler(Rename)]
struct RenameHandler {
    calls: Calls,
    events: EventBus,
}

impl CommandHandler<Rename> for RenameHandler {
    async fn execute(&self, command: Rename, ctx: &Context) -> Result<u32, Refused> {
        let call = self.calls.0.fetch_add(1, SeqCst) + 1;
        match command.to.as_str() {
            "taken" => return Err(Refused),
            "slow" => tokio::time::sleep(Duration::from_secs(10)).await,
            "panic" => panic!("no ink"),
            _ => {}
        }
        let published = self.events.publish(ctx, Renamed { id: 1, to: command.to }).await;
        published.map_err(|_| Refused)?;
        Ok(call)
    }
}

#[query_handler(CountRenames)]
struct CountRenamesHandler {
    calls: Calls,
}

impl QueryHandler<CountRenames> for CountRenamesHandler {
    async fn execute(&self, _: CountRenames, _: &Context) -> Result<u32, HandlerError> {
        Ok(self.calls.0.load(SeqCst))
    }
}

#[events_handler(Renamed, retry(attempts = 2, backoff = "1ms"))]
struct PrintBadge;

impl EventHandler<Renamed> for PrintBadge {
    async fn handle(&self, event: &Renamed, _: &Context) -> HandlerResult {
        match event.to.as_str() {
            "unprintable" => Err(Refused.into()),
            _ => Ok(()),
        }
    }
}

fn app(configure: impl FnOnce(AppBuilder) -> AppBuilder) -> TestApp {
    builder(configure).build().expect("wired")
}

fn builder(configure: impl FnOnce(AppBuilder) -> AppBuilder) -> TestAppBuilder {
    TestApp::from_builder(configure(App::builder().only(modules![self]))).provide(Calls::default())
}

async fn rename(app: &TestApp, ctx: &Context, to: &str) -> Result<u32, ExecuteError<Refused>> {
    app.execute(ctx, Rename { to: to.to_owned() }).await
}

/// Notes what it sees on the way in and on the way out.
struct Witness {
    name: &'static str,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Middleware for Witness {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let note = |note: String| self.notes.lock().expect("no panic").push(note);
        let (name, kind) = (self.name, call.kind());
        note(format!("{name}: {kind} {} for {}", call.name(), call.handler()));
        let outcome = next.run(call).await;
        note(match &outcome {
            Ok(()) => format!("{name}: ok"),
            Err(error) => format!("{name}: {error}"),
        });
        outcome
    }
}

#[tokio::test(start_paused = true)]
async fn it_surrounds_commands_queries_and_each_attempt_in_declared_order() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let witness = |name| Witness { name, notes: Arc::clone(&notes) };
    let app = app(|app| app.middleware(witness("outer")).middleware(witness("inner")));

    assert_eq!(rename(&app, &acme(), "Ada").await, Ok(1));
    app.settled().await;
    assert_eq!(
        notes.lock().expect("no panic").drain(..).collect::<Vec<_>>(),
        [
            "outer: command rename for rename-handler",
            "inner: command rename for rename-handler",
            "inner: ok",
            "outer: ok",
            "outer: event renamed for print-badge",
            "inner: event renamed for print-badge",
            "inner: ok",
            "outer: ok",
        ]
    );

    app.query(&acme(), CountRenames).await.expect("it cannot fail");
    assert_eq!(rename(&app, &acme(), "taken").await, Err(ExecuteError::Handler(Refused)));
    let panicked = rename(&app, &acme(), "panic").await;
    assert!(matches!(panicked, Err(ExecuteError::Panicked { .. })));
    let notes = notes.lock().expect("no panic").join("\n");
    assert!(notes.contains("outer: query count.renames for count-renames-handler"), "{notes}");
    assert!(notes.contains("outer: that name is taken"), "{notes}");
    assert!(notes.contains("outer: panicked: no ink"), "{notes}");
}

#[tokio::test(start_paused = true)]
async fn it_sees_a_deliverys_failures_and_the_handlers_own_error_survives() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let witness = Witness { name: "w", notes: Arc::clone(&notes) };
    let app = app(|app| app.middleware(witness));
    app.publish(&acme(), Renamed { id: 1, to: "unprintable".into() }).await.expect("accepted");
    app.settled().await;
    let failed = notes.lock().expect("no panic").iter().filter(|it| it.contains("taken")).count();
    assert_eq!(failed, 2, "each attempt is a call");
    let delivery = &app.deliveries_to::<PrintBadge>()[0];
    let error = delivery.last_error().and_then(DeliveryError::handler_error).expect("its own");
    assert!(error.downcast_ref::<Refused>().is_some());
}

#[tokio::test(start_paused = true)]
async fn it_can_change_the_context_and_refuse_a_delivery_for_now_or_for_good() {
    struct Gate(AtomicU32);
    impl Middleware for Gate {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            let renamed = call.message::<Renamed>().map(|event| event.to.clone());
            match (renamed.as_deref(), self.0.fetch_add(1, SeqCst)) {
                (Some("never"), _) => return Err(Rejection::forbidden("never").into()),
                (Some("later"), 0) => return Err(Rejection::unavailable("not yet").into()),
                _ => {}
            }
            let ctx = call.context().clone().with_attribute("gate", "passed");
            call.set_context(ctx.expect("a small attribute"));
            next.run(call).await
        }
    }
    let app = app(|app| app.middleware(Gate(AtomicU32::new(0))));
    app.publish(&acme(), Renamed { id: 1, to: "later".into() }).await.expect("accepted");
    app.settled().await;
    let delivery = &app.deliveries_to::<PrintBadge>()[0];
    assert!(delivery.is_handled() && delivery.attempts.len() == 2);

    app.publish(&acme(), Renamed { id: 1, to: "never".into() }).await.expect("accepted");
    app.settled().await;
    let delivery = &app.deliveries_to::<PrintBadge>()[1];
    assert!(delivery.is_dead_lettered() && delivery.attempts.len() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_middleware_that_panics_or_returns_nothing_is_an_error_of_its_call_alone() {
    struct Broken;
    impl Middleware for Broken {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            match call.message::<Rename>().map(|command| command.to.as_str()) {
                Some("break") => panic!("broken"),
                Some("swallow") => Ok(()),
                _ => next.run(call).await,
            }
        }
    }
    let app = app(|app| app.middleware(Broken));
    let broken = rename(&app, &acme(), "break").await;
    assert!(matches!(broken, Err(ExecuteError::Panicked { panic, .. }) if panic == "broken"));
    let swallowed = rename(&app, &acme(), "swallow").await.expect_err("no result");
    assert!(swallowed.to_string().contains("returned without a result"), "{swallowed}");
    assert_eq!(rename(&app, &acme(), "Ada").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn validation_refuses_a_message_that_says_it_is_not_well_formed() {
    let app = app(|app| app.middleware(Validation));
    let refused = rename(&app, &acme(), "").await.expect_err("an empty name");
    let ExecuteError::Rejected { message: "rename", rejection } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    assert_eq!(rejection.reason(), "`to` must not be empty");
    let [violation] = rejection.violations() else { panic!("{rejection:?}") };
    assert_eq!((violation.field.as_str(), violation.code.as_deref()), ("to", Some("empty")));
    assert_eq!(app.query(&acme(), CountRenames).await.expect("no validation"), 0, "not even begun");
    assert_eq!(rename(&app, &acme(), "Ada").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn authorization_is_a_function_of_message_and_actor() {
    let app = app(|app| {
        app.middleware(Authorize::by(|call: &Call<'_>| {
            let actor = call.context().actor().map(Actor::id);
            match (call.message::<Rename>(), actor) {
                (Some(command), Some("ada")) if command.to == "Ada" => Ok(()),
                (Some(_), _) => Err(Rejection::forbidden("only Ada may be Ada")),
                (None, _) => Ok(()),
            }
        }))
    });
    let ada = acme().with_actor(Actor::user("ada"));
    assert!(rename(&app, &ada, "Ada").await.is_ok());
    for (ctx, name) in
        [(acme(), "Ada"), (ada, "Bob"), (acme().with_actor(Actor::user("bob")), "Ada")]
    {
        let refused = rename(&app, &ctx, name).await.expect_err("forbidden");
        assert!(matches!(
            refused,
            ExecuteError::Rejected { rejection, .. } if rejection.kind() == RejectionKind::Forbidden
        ));
    }
    app.settled().await;
    assert!(app.deliveries_to::<PrintBadge>()[0].is_handled(), "events are not asked about");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_a_call_earlier_than_its_handler_would() {
    let app = app(|app| app.middleware(Log).middleware(Timeout::after(Duration::from_secs(2))));
    let began = tokio::time::Instant::now();
    let late = rename(&app, &acme(), "slow").await.expect_err("ten seconds are too long");
    assert!(matches!(late, ExecuteError::TimedOut { after, .. } if after.as_secs() == 2));
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[test]
fn a_call_error_says_what_happened() {
    let error = CallError::from(Rejection::forbidden("not you"));
    assert_eq!(error.to_string(), "forbidden: not you");
}

#[tokio::test(start_paused = true)]
async fn a_tower_layer_is_a_middleware() {
    use tower::limit::GlobalConcurrencyLimitLayer;
    use tower::load_shed::LoadShedLayer;
    use tower::timeout::TimeoutLayer;

    // The first one added is the outermost: shed what the limit has no room for.
    let layers = tower::ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .layer(TimeoutLayer::new(Duration::from_secs(3)))
        .into_inner();
    let app = app(|app| app.middleware(cqrs_core::middleware::Tower::layer(layers)));
    assert_eq!(rename(&app, &acme(), "Ada").await, Ok(1));
    app.settled().await;
    assert_eq!(rename(&app, &acme(), "taken").await, Err(ExecuteError::Handler(Refused)));

    let began = tokio::time::Instant::now();
    let ctx = acme();
    let slow = rename(&app, &ctx, "slow");
    let shed = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        rename(&app, &acme(), "Ada").await
    };
    let (slow, shed) = tokio::join!(slow, shed);
    assert_eq!(began.elapsed(), Duration::from_secs(3), "the layer's time-out, not the handler's");
    for refused in [slow, shed] {
        let refused = refused.expect_err("refused by a layer");
        assert!(
            matches!(
                &refused,
                ExecuteError::Rejected { rejection, .. } if rejection.kind() == RejectionKind::Unavailable
            ),
            "{refused}"
        );
    }
    assert_eq!(rename(&app, &acme(), "Ada").await, Ok(4), "the cancelled call gave its place back");
}
