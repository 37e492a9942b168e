//! Middleware around publishing sees events before they are accepted, and may refuse them.

use std::sync::Mutex;

use cqrs_core::bus::{Publish, PublishMiddleware, PublishNext};
use cqrs_core::log::MemoryStore;
use cqrs_core::middleware::{Rejection, RejectionKind};
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, Handler, modules};
use jiff::Timestamp;

fn acme() -> Context {
    Context::for_tenant("acme").expect("valid")
}

#[derive(Serialize, Deserialize, Event)]
struct Ordered {
    #[event(entity_id)]
    order: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct Shipped {
    #[event(entity_id)]
    order: u32,
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().expect("no panic").push(note.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

#[events_handler(Ordered, retry(attempts = 3, backoff = "1ms"))]
struct Ship {
    events: EventBus,
}

impl EventHandler<Ordered> for Ship {
    async fn handle(&self, event: &Ordered, ctx: &Context) -> HandlerResult {
        self.events.publish(ctx, Shipped { order: event.order }).await?;
        Ok(())
    }
}

#[events_handler(Shipped)]
struct Tell {
    notes: Notes,
}

impl EventHandler<Shipped> for Tell {
    async fn handle(&self, event: &Shipped, ctx: &Context) -> HandlerResult {
        self.notes.add(format!("shipped {} {:?}", event.order, ctx.attribute("origin")));
        Ok(())
    }
}

/// Refuses orders and shipments with the number 13, and notes what it sees.
struct Guard {
    name: &'static str,
    notes: Notes,
}

impl PublishMiddleware for Guard {
    async fn publish(
        &self,
        publish: &mut Publish,
        next: PublishNext<'_>,
    ) -> Result<(), PublishError> {
        let orders: Vec<_> = publish.events::<Ordered>().iter().map(|it| it.order).collect();
        let shipped = publish.events::<Shipped>().iter().map(|it| it.order);
        if orders.iter().copied().chain(shipped).any(|order| order == 13) {
            return Err(publish.refused(Rejection::forbidden("no luck")));
        }
        let origin = if publish.is_cascade() { "handler" } else { "outside" };
        self.notes.add(format!("{} {} {origin}", self.name, publish.name()));
        let ctx = publish.context().clone().with_attribute("origin", origin);
        publish.set_context(ctx.expect("a small attribute"));
        next.run(publish).await
    }
}

fn app(notes: &Notes, configure: impl FnOnce(AppBuilder) -> AppBuilder) -> TestApp {
    let guard = |name| Guard { name, notes: notes.clone() };
    let builder = App::builder().only(modules![self]).publish_middleware(guard("outer"));
    let builder = configure(builder.publish_middleware(guard("inner")));
    TestApp::from_builder(builder).provide(notes.clone()).build().expect("wired")
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, PublishError>) {
    match result.expect_err("it is refused") {
        PublishError::Rejected { event: "ordered", rejection } => {
            assert_eq!(rejection.kind(), RejectionKind::Forbidden);
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn it_surrounds_publishes_from_outside_and_from_handlers_in_declared_order() {
    let notes = Notes::default();
    let app = app(&notes, |app| app);
    app.publish(&acme(), Ordered { order: 1 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(
        notes.take(),
        [
            "outer ordered outside",
            "inner ordered outside",
            "outer shipped handler",
            "inner shipped handler",
            "shipped 1 Some(\"handler\")",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn no_way_of_publishing_leads_around_it() {
    let notes = Notes::default();
    let app = app(&notes, |app| app.store(MemoryStore::new()));
    app.start().await.expect("started");
    let (ctx, events) = (acme(), app.events());
    let order = || Ordered { order: 13 };
    assert_refused(events.publish(&ctx, order()).await);
    assert_refused(events.publish_now(&ctx, order()).await);
    assert_refused(events.publish_and_wait(&ctx, order()).await);
    assert_refused(events.publish_at(&ctx, Timestamp::now(), order()).await);
    assert_refused(events.stage(&ctx, order()).await.map(drop));
    assert_refused(events.publish_all(&ctx, [Ordered { order: 1 }, order()]).await);
    app.settled().await;
    assert_eq!(notes.take(), [""; 0], "none of the events was published");

    let ids = events.publish_all(&ctx, [Ordered { order: 1 }, Ordered { order: 2 }]).await;
    assert_eq!(ids.expect("accepted").len(), 2);
    assert_eq!(notes.take()[..2], ["outer ordered outside", "inner ordered outside"], "once");
}

#[tokio::test(start_paused = true)]
async fn what_it_forbids_to_a_handler_is_not_tried_again() {
    struct NoShipping;
    impl PublishMiddleware for NoShipping {
        async fn publish(
            &self,
            publish: &mut Publish,
            next: PublishNext<'_>,
        ) -> Result<(), PublishError> {
            if publish.events::<Shipped>().is_empty() {
                return next.run(publish).await;
            }
            Err(publish.refused(Rejection::forbidden("closed")))
        }
    }
    let app = app(&Notes::default(), |app| app.publish_middleware(NoShipping));
    app.publish(&acme(), Ordered { order: 1 }).await.expect("accepted");
    app.settled().await;
    let delivery = &app.deliveries_to::<Ship>()[0];
    assert!(delivery.is_dead_lettered());
    assert_eq!(delivery.attempts.len(), 1);
    assert!(app.deliveries_to::<Tell>().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_publish_is_an_error_for_the_publisher() {
    struct Swallow;
    impl PublishMiddleware for Swallow {
        async fn publish(&self, _: &mut Publish, _: PublishNext<'_>) -> Result<(), PublishError> {
            Ok(())
        }
    }
    let app = app(&Notes::default(), |app| app.publish_middleware(Swallow));
    let error = app.publish(&acme(), Ordered { order: 1 }).await.expect_err("swallowed");
    assert!(error.to_string().contains("a middleware did not publish it"), "{error}");
}

#[derive(Injectable)]
struct Count {
    notes: Notes,
}

impl PublishMiddleware for Count {
    async fn publish(
        &self,
        publish: &mut Publish,
        next: PublishNext<'_>,
    ) -> Result<(), PublishError> {
        self.notes.add(format!("counted {}", publish.name()));
        next.run(publish).await
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_built_from_services_and_shown_by_the_map() {
    let builder = || App::builder().bare().publish_middleware_of::<Count>();
    let report = builder().build().expect_err("nothing notes").to_string();
    assert!(report.contains("which `notes` of middleware `Count` ("), "{report}");

    let notes = Notes::default();
    let handler = Handler::event_fn("none", |_: Published<Shipped>, _| async { Ok(()) });
    let app = builder().provide(notes.clone()).register(handler).build().expect("wired");
    app.events().publish(&acme(), Shipped { order: 1 }).await.expect("accepted");
    assert_eq!(notes.take(), ["counted shipped"]);
    assert_eq!(app.describe().publish_middleware, ["Count"]);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_not_polled_publishes_nothing() {
    for has_middleware in [false, true] {
        let app = if has_middleware {
            app(&Notes::default(), |app| app)
        } else {
            TestApp::from_builder(App::builder().bare()).build().expect("wired")
        };
        let ctx = acme();
        drop(app.events().publish(&ctx, Ordered { order: 1 }));
        app.settled().await;
        assert!(app.published::<Ordered>().is_empty());
        app.events().publish(&ctx, Ordered { order: 2 }).await.expect("accepted");
        assert_eq!(app.published::<Ordered>()[0].order, 2);
    }
}
