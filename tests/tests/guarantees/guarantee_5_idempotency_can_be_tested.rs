//! The test kit delivers everything twice on request.

use std::collections::HashSet;
use std::sync::Mutex;

use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;

use crate::support::{Log, acme};

#[derive(Serialize, Deserialize, Event)]
struct PaymentReceived {
    #[event(entity_id)]
    account: u32,
    cents: u64,
}

/// Counts an event as often as it is delivered.
#[events_handler(PaymentReceived)]
struct Forgetful {
    #[inject(name = "forgetful")]
    credited: Log<u64>,
}

impl EventHandler<PaymentReceived> for Forgetful {
    async fn handle(&self, event: &PaymentReceived, _: &Context) -> HandlerResult {
        self.credited.add(event.cents);
        Ok(())
    }
}

/// Remembers which events it has seen, by their ids.
#[events_handler(PaymentReceived)]
struct Mindful {
    #[inject(name = "mindful")]
    credited: Log<u64>,
    #[inject(default)]
    seen: Mutex<HashSet<Uuid>>,
}

impl EventHandler<PaymentReceived> for Mindful {
    async fn handle(&self, event: &PaymentReceived, ctx: &Context) -> HandlerResult {
        if self.seen.lock().expect("no panic in between").insert(ctx.message_id()) {
            self.credited.add(event.cents);
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn delivering_twice_tells_an_idempotent_handler_from_a_forgetful_one() {
    let (forgetful, mindful) = (Log::<u64>::default(), Log::<u64>::default());
    let app = TestApp::from_builder(App::builder().only(modules![self]))
        .configure(|app| app.provide_named("forgetful", forgetful.clone()))
        .configure(|app| app.provide_named("mindful", mindful.clone()))
        .deliver_twice()
        .build()
        .expect("wired");
    for cents in [100, 250] {
        app.publish(&acme(), PaymentReceived { account: 1, cents }).await.expect("accepted");
    }
    app.settled().await;

    assert_eq!(app.published::<PaymentReceived>().len(), 2, "published once each");
    assert_eq!(forgetful.entries(), [100, 100, 250, 250]);
    assert_eq!(mindful.entries(), [100, 250]);
    let repeated: Vec<_> = app.deliveries_to::<Mindful>().iter().map(|it| it.repeated).collect();
    assert_eq!(repeated, [false, true, false, true], "in order, each twice");
}

#[tokio::test(start_paused = true)]
async fn without_it_everything_is_delivered_once() {
    let forgetful = Log::<u64>::default();
    let app = TestApp::builder()
        .only::<Forgetful>()
        .configure(|app| app.provide_named("forgetful", forgetful.clone()))
        .build()
        .expect("only what this handler needs is asked for");
    app.publish(&acme(), PaymentReceived { account: 1, cents: 100 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(forgetful.entries(), [100]);
}

#[tokio::test]
#[should_panic(expected = "`Mindful` handles no event in this application; these do: forgetful")]
async fn asking_for_deliveries_to_a_handler_that_is_not_there_is_a_mistake_in_the_test() {
    let app = TestApp::builder().only::<Forgetful>();
    let app = app
        .configure(|app| app.provide_named("forgetful", Log::<u64>::default()))
        .build()
        .expect("wired");
    app.deliveries_to::<Mindful>();
}
