//! A context cannot be made without a tenant scope, and handlers inherit it.

use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{Handler, modules};

use crate::support::{Log, acme};

#[derive(Command)]
struct HireEmployee;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeHired {
    #[event(entity_id)]
    id: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct DeskAssigned {
    #[event(entity_id)]
    id: u32,
}

#[command_handler(HireEmployee)]
struct HireEmployeeHandler {
    events: EventBus,
}

impl CommandHandler<HireEmployee> for HireEmployeeHandler {
    async fn execute(&self, _: HireEmployee, ctx: &Context) -> Result<(), HandlerError> {
        self.events.publish(ctx, EmployeeHired { id: 1 }).await?;
        Ok(())
    }
}

#[events_handler(EmployeeHired)]
struct AssignDesk {
    events: EventBus,
}

impl EventHandler<EmployeeHired> for AssignDesk {
    async fn handle(&self, event: &EmployeeHired, ctx: &Context) -> HandlerResult {
        self.events.publish(ctx, DeskAssigned { id: event.id }).await?;
        Ok(())
    }
}

#[events_handler(DeskAssigned)]
struct WhoAmI {
    seen: Log<(Context, Option<Context>)>,
}

impl EventHandler<DeskAssigned> for WhoAmI {
    async fn handle(&self, _: &DeskAssigned, ctx: &Context) -> HandlerResult {
        // Deep inside, where no context was handed down.
        let deep_inside = ctx.spawn(async { Context::current() }).await?;
        self.seen.add((ctx.clone(), deep_inside));
        Ok(())
    }
}

fn app(seen: &Log<(Context, Option<Context>)>) -> TestApp {
    TestApp::from_builder(App::builder().only(modules![self]))
        .provide(seen.clone())
        .build()
        .expect("wired")
}

#[tokio::test]
async fn a_handler_inherits_tenant_actor_and_correlation_through_every_step() {
    let seen = Log::default();
    let app = app(&seen);
    let ctx = acme()
        .with_actor(Actor::user(42).named("Ada"))
        .with_organization("research")
        .with_attribute("channel", "import")
        .expect("a small attribute");
    app.execute(&ctx, HireEmployee).await.expect("hired");
    app.settled().await;

    let [(handler, deep_inside)] = &seen.entries()[..] else { panic!("one event, one handler") };
    let deep_inside = deep_inside.as_ref().expect("a context around every handler");
    for inherited in [handler, deep_inside] {
        assert_eq!(inherited.tenant().to_string(), "acme");
        assert_eq!(inherited.actor(), ctx.actor());
        assert_eq!(inherited.organization(), Some("research"));
        assert_eq!(inherited.attribute("channel"), Some("import"));
        assert_eq!(inherited.correlation_id(), ctx.correlation_id());
    }
}

#[tokio::test]
async fn the_causation_id_is_the_message_being_handled() {
    let app = app(&Log::default());
    let ctx = acme();
    app.execute(&ctx, HireEmployee).await.expect("hired");
    app.settled().await;

    let command = &app.executed::<HireEmployee>()[0].context;
    let hired = &app.published::<EmployeeHired>()[0];
    let assigned = &app.published::<DeskAssigned>()[0];
    assert_eq!(command.causation_id(), Some(ctx.message_id()));
    assert_eq!(hired.context().causation_id(), Some(command.message_id()));
    assert_eq!(assigned.context().causation_id(), Some(hired.id()));
    assert_eq!(assigned.context().correlation_id(), ctx.correlation_id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_that_publish_at_the_same_time_are_never_mixed_up() {
    #[derive(Serialize, Deserialize, Event)]
    struct OwnedBy {
        #[event(entity_id)]
        entity: u32,
        tenant: String,
    }

    let mixed_up = Log::default();
    let seen = mixed_up.clone();
    let app = TestApp::from_builder(App::builder().only(modules![self]))
        .provide(Log::<(Context, Option<Context>)>::default())
        .register(Handler::event_fn(
            "check-tenant",
            move |event: Published<OwnedBy>, ctx: Context| {
                let seen = seen.clone();
                async move {
                    tokio::task::yield_now().await;
                    let current = Context::current().expect("inside a handler");
                    if ctx.tenant().to_string() != event.tenant || ctx.tenant() != current.tenant()
                    {
                        seen.add(event.tenant.clone());
                    }
                    Ok(())
                }
            },
        ))
        .build()
        .expect("wired");

    let tenants = (0..20).map(|number| {
        let events = app.events().clone();
        tokio::spawn(async move {
            let tenant = format!("tenant-{number}");
            let ctx = Context::for_tenant(&tenant).expect("valid");
            for entity in 0..50 {
                let event = OwnedBy { entity, tenant: tenant.clone() };
                events.publish(&ctx, event).await.expect("accepted");
            }
        })
    });
    for tenant in tenants.collect::<Vec<_>>() {
        tenant.await.expect("published");
    }
    app.settled().await;
    assert_eq!(app.deliveries_to_named("check-tenant").len(), 1000);
    assert_eq!(mixed_up.entries(), Vec::<String>::new());
}

#[test]
fn the_system_scope_is_explicit() {
    let ctx = Context::system();
    assert!(ctx.tenant().is_system());
    assert_eq!(ctx.tenant_id(), None);
    assert_ne!(ctx.tenant(), acme().tenant());
    assert!(Context::for_tenant("").is_err());
    assert!(Context::for_tenant("(system)").is_err(), "no tenant can pass for the system");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_binds_commands_but_not_the_reactions_to_their_events() {
    let seen = Log::default();
    let app = app(&seen);
    let ctx = acme().with_timeout(Duration::from_secs(5));
    app.execute(&ctx, HireEmployee).await.expect("in time");
    app.settled().await;
    let command = &app.executed::<HireEmployee>()[0].context;
    assert_eq!(command.deadline(), ctx.deadline());
    let handler = &seen.entries()[0].0;
    assert!(
        handler.remaining() > Some(Duration::from_secs(20)),
        "its own time-out, not the request's"
    );

    tokio::time::advance(Duration::from_secs(6)).await;
    let late = app.execute(&ctx, HireEmployee).await.expect_err("the deadline has passed");
    assert!(matches!(late, ExecuteError::TimedOut { message: "hire.employee", .. }));
    assert_eq!(app.published::<EmployeeHired>().len(), 1, "it was not even begun");
}
