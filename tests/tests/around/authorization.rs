//! Commands and queries from the edge need the permissions that they declare; cascades do not.

use std::sync::Mutex;

use cqrs_core::handler::DeliveryError;
use cqrs_core::middleware::{
    Authorize, Call, Middleware, Next, Outcome, Policy, Rejection, RejectionKind,
};
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, modules};

fn clerk() -> Context {
    Context::for_tenant("acme").expect("valid").with_actor(Actor::user("clerk"))
}

#[derive(Command)]
#[command(requires = "orders:write")]
struct PlaceOrder;

#[derive(Command)]
#[command(requires = ["orders:write", "orders:cancel"])]
struct CancelOrder;

#[derive(Query)]
#[query(output = bool, requires = none)]
struct IsOpen;

/// Declares nothing.
#[derive(Query)]
#[query(output = Vec<&'static str>)]
struct RightsOf {
    user: String,
}

#[derive(Serialize, Deserialize, Event)]
struct StockRefused {
    #[event(entity_id)]
    order: u32,
}

#[command_handler(PlaceOrder)]
struct PlaceOrderHandler {
    events: EventBus,
}

impl CommandHandler<PlaceOrder> for PlaceOrderHandler {
    async fn execute(&self, _: PlaceOrder, ctx: &Context) -> Result<(), HandlerError> {
        self.events.publish(ctx, StockRefused { order: 1 }).await?;
        Ok(())
    }
}

#[command_handler(CancelOrder)]
struct CancelOrderHandler;

impl CommandHandler<CancelOrder> for CancelOrderHandler {
    async fn execute(&self, _: CancelOrder, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[events_handler(StockRefused)]
struct GiveUpOrder {
    commands: CommandBus,
}

impl EventHandler<StockRefused> for GiveUpOrder {
    async fn handle(&self, _: &StockRefused, ctx: &Context) -> HandlerResult {
        Ok(self.commands.execute(ctx, CancelOrder).await?)
    }
}

#[query_handler(IsOpen)]
struct IsOpenHandler;

impl QueryHandler<IsOpen> for IsOpenHandler {
    async fn execute(&self, _: IsOpen, _: &Context) -> Result<bool, HandlerError> {
        Ok(true)
    }
}

#[query_handler(RightsOf)]
struct RightsOfHandler;

impl QueryHandler<RightsOf> for RightsOfHandler {
    async fn execute(
        &self,
        query: RightsOf,
        _: &Context,
    ) -> Result<Vec<&'static str>, HandlerError> {
        Ok(if query.user == "clerk" { vec!["orders:write"] } else { Vec::new() })
    }
}

/// Asks a query.
#[derive(Injectable)]
struct Rights {
    queries: QueryBus,
}

impl Policy for Rights {
    async fn may(&self, call: &mut Call<'_>, permission: &str) -> Result<(), Rejection> {
        let ctx = call.context().clone();
        let user = ctx.actor().map_or("nobody", Actor::id).to_owned();
        let rights = self.queries.execute(&ctx, RightsOf { user }).await;
        if rights.map_err(Rejection::unavailable)?.contains(&permission) {
            return Ok(());
        }
        Err(Rejection::forbidden(format!("`{permission}` is needed")))
    }
}

/// The same policy, also asked about cascades. It also allows messages without a declaration, such as the query that it asks.
#[derive(Injectable)]
struct Everywhere {
    rights: Arc<Rights>,
}

impl Policy for Everywhere {
    async fn may(&self, call: &mut Call<'_>, permission: &str) -> Result<(), Rejection> {
        self.rights.may(call, permission).await
    }

    async fn may_undeclared(&self, call: &mut Call<'_>) -> Result<(), Rejection> {
        self.rights.may(call, "orders:write").await
    }

    fn asks_in_cascades(&self) -> bool {
        true
    }
}

fn app(configure: impl FnOnce(AppBuilder) -> AppBuilder) -> TestApp {
    let builder = configure(App::builder().only(modules![self]).provide(Clock));
    TestApp::from_builder(builder).build().expect("wired")
}

fn refusal<T, E: std::fmt::Debug>(result: Result<T, ExecuteError<E>>) -> Rejection {
    match result {
        Err(ExecuteError::Rejected { rejection, .. }) => rejection,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was executed"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_permission_that_a_message_declares_is_needed() {
    let app = app(AppBuilder::middleware_of::<Authorize<Rights>>);
    app.execute(&clerk(), PlaceOrder).await.expect("a clerk may");
    let refused = refusal(app.execute(&clerk(), CancelOrder).await);
    assert_eq!(refused.kind(), RejectionKind::Forbidden);
    assert_eq!(refused.reason(), "`orders:cancel` is needed");
    let guest = Context::for_tenant("acme").expect("valid");
    assert_eq!(refusal(app.execute(&guest, PlaceOrder).await).reason(), "`orders:write` is needed");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_declares_nothing_is_refused_and_one_that_needs_nothing_is_not() {
    let app = app(AppBuilder::middleware_of::<Authorize<Rights>>);
    let refused = refusal(app.query(&clerk(), RightsOf { user: "clerk".into() }).await);
    assert_eq!(refused.reason(), "it does not declare which permission it requires");
    assert!(app.query(&clerk(), IsOpen).await.expect("it needs no permission"));
    let description = app.describe();
    let undeclared: Vec<_> = description.undeclared().map(|it| it.name.as_str()).collect();
    assert_eq!(undeclared, ["rights.of"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_executes_has_the_rights_of_the_application() {
    let app = app(AppBuilder::middleware_of::<Authorize<Rights>>);
    app.execute(&clerk(), PlaceOrder).await.expect("a clerk may");
    app.settled().await;
    assert!(app.deliveries_to::<GiveUpOrder>()[0].is_handled(), "the clerk may not cancel orders");
}

#[tokio::test(start_paused = true)]
async fn a_policy_can_ask_in_cascades_and_a_refused_permission_is_not_retried() {
    let app = app(AppBuilder::middleware_of::<Authorize<Everywhere>>);
    app.query(&clerk(), RightsOf { user: "clerk".into() }).await.expect("undeclared is allowed");
    app.execute(&clerk(), PlaceOrder).await.expect("a clerk may");
    app.settled().await;
    let delivery = &app.deliveries_to::<GiveUpOrder>()[0];
    assert!(delivery.is_dead_lettered(), "the clerk may not cancel orders");
    assert_eq!(delivery.attempts.len(), 1);
    assert!(delivery.last_error().is_some_and(DeliveryError::is_permanent));
}

#[tokio::test(start_paused = true)]
async fn a_middleware_knows_whether_its_call_comes_from_the_edge() {
    #[derive(Clone, Default)]
    struct Cascades(Arc<Mutex<Vec<String>>>);
    impl Middleware for Cascades {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            let origin = if call.is_cascade() { "cascade" } else { "edge" };
            let note = format!("{} {origin} {:?}", call.name(), call.requires());
            self.0.lock().expect("no panic").push(note);
            next.run(call).await
        }
    }
    let cascades = Cascades::default();
    let app = app(|app| app.middleware(cascades.clone()));
    app.execute(&clerk(), PlaceOrder).await.expect("it cannot fail");
    app.settled().await;
    assert_eq!(
        *cascades.0.lock().expect("no panic"),
        [
            "place.order edge Some([\"orders:write\"])",
            "stock.refused cascade None",
            "cancel.order cascade Some([\"orders:write\", \"orders:cancel\"])",
        ]
    );
}

#[derive(Clone)]
struct Clock;

#[derive(Injectable)]
struct Stamp {
    clock: Clock,
}

impl Middleware for Stamp {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let _ = &self.clock;
        next.run(call).await
    }
}

#[test]
fn a_service_that_a_middleware_misses_is_in_the_report() {
    let build = || App::builder().bare().middleware_of::<Stamp>();
    let report = build().build().expect_err("no clock").to_string();
    assert!(report.contains("nothing offers `Clock`, which `clock` of middleware `Stamp` ("));
    assert!(report.contains("authorization.rs:"), "{report}");
    assert!(build().provide(Clock).build().is_ok());

    let app = App::builder().bare().middleware_of::<Authorize<Rights>>();
    let report = app.build().expect_err("no policy").to_string();
    assert!(report.contains("`Arc<Rights>`, which `policy` of middleware `Authorize<Rights>`"));
}

#[derive(Injectable)]
struct Counter {
    #[inject(default)]
    calls: std::sync::atomic::AtomicU32,
}

impl Middleware for Counter {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        self.calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        next.run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_middleware_that_is_a_service_is_the_one_that_others_inject() {
    let builder = App::builder().only(modules![self]).provide(Clock);
    let app = builder.middleware_of::<Counter>().build().expect("wired");
    app.queries().execute(&clerk(), IsOpen).await.expect("open");
    let counter = app.service::<Arc<Counter>>().expect("it is derived");
    assert_eq!(counter.calls.load(std::sync::atomic::Ordering::SeqCst), 1);
}
