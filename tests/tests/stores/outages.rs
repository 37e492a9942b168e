//! What an application promises while its store fails.

use std::sync::Arc;
use std::time::Duration;

use cqrs_core::PublishError;
use cqrs_core::handler::Start;
use cqrs_core::log::NewSubscription;
use cqrs_core::prelude::*;

use crate::applications::{
    Counted, CountedTwice, SOON, Seen, app, complete, ctx, idle, noting, noting_twice, publish,
    repeating, stop,
};
use crate::faulty::{Call, Fault, faulty, faulty_with_lease};
use crate::harness::Harness;
use crate::support::dead_of;

/// A lease that ends soon after the store has failed.
const SHORT_LEASE: Duration = Duration::from_millis(400);

pub(crate) async fn a_node_that_could_not_renew_its_leases_goes_on_when_it_can(
    harness: impl Harness,
) {
    let store = faulty_with_lease(harness.another().await, SHORT_LEASE);
    let seen = Seen::default();
    let app = app(store.clone(), [noting("one", &seen)]).await;
    publish(&app, 0, 0).await;
    idle(&app).await;
    store.begin(Fault::Fails, [Call::Beat]);
    store.has_lost_its_leases().await;
    for number in 1..10 {
        publish(&app, 0, number).await;
    }
    // No condition says that no attempt begins. Until its next beat, the node has time to begin one.
    store.fails_again(Call::Beat).await;
    assert_eq!(seen.len(), 1, "a node without leases begins no attempt");
    store.heal();
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(1, 0..10));
    stop(app).await;
}

pub(crate) async fn an_application_survives_a_store_that_is_away(harness: impl Harness) {
    let store = faulty_with_lease(harness.another().await, SHORT_LEASE);
    let seen = Seen::default();
    let app = app(store.clone(), [noting("one", &seen)]).await;
    let all = [Call::Append, Call::Read, Call::Beat, Call::Claim, Call::Save];
    for round in 0..3 {
        store.begin(Fault::Fails, all);
        let publisher = {
            let app = app.clone();
            tokio::spawn(async move {
                for number in round * 10..(round + 1) * 10 {
                    publish(&app, 0, number).await;
                }
            })
        };
        store.fails_again(Call::Append).await;
        store.has_lost_its_leases().await;
        store.heal();
        publisher.await.unwrap();
    }
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(1, 0..30));
    stop(app).await;
}

pub(crate) async fn a_publisher_is_refused_at_its_deadline_while_others_wait(
    harness: impl Harness,
) {
    let store = faulty(harness.another().await);
    let app = app(store.clone(), [noting("one", &Seen::default())]).await;
    store.begin(Fault::Fails, [Call::Append]);
    let patient = {
        let app = app.clone();
        tokio::spawn(async move { publish(&app, 1, 1).await })
    };
    store.fails_again(Call::Append).await;
    let hurried = ctx().with_timeout(Duration::from_millis(100));
    let publishing = app.events().publish(&hurried, Counted { counter: 1, number: 2 });
    let refused = tokio::time::timeout(Duration::from_secs(10), publishing).await;
    assert!(matches!(refused.expect("it is answered"), Err(PublishError::NotStored { .. })));
    store.heal();
    patient.await.unwrap();
    idle(&app).await;
    stop(app).await;
}

pub(crate) async fn a_handler_whose_events_the_store_refuses_fails(harness: impl Harness) {
    let store = faulty(harness.another().await);
    let (seen, events) = (Seen::default(), Arc::default());
    let app = app(store.clone(), [repeating(&events), noting_twice("twice", &seen)]).await;
    events.set(app.events().clone()).unwrap();
    store.refuse(CountedTwice::NAME, r#""number":13"#);
    for number in 12..15 {
        publish(&app, 1, number).await;
    }
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1], [12, 14]);
    stop(app).await;
    let names = [NewSubscription { name: "repeat", start: Start::Now }];
    let subscriptions = harness.store().register(&names).await.unwrap();
    let repeat = subscriptions.iter().find(|it| it.name == "repeat").unwrap().id;
    assert_eq!(dead_of(&*harness.store(), repeat).await.len(), 1);
}

pub(crate) async fn a_shutdown_ends_although_the_store_hangs(harness: impl Harness) {
    let store = faulty(harness.another().await);
    let app = app(store.clone(), [noting("one", &Seen::default())]).await;
    store.begin(Fault::Hangs, [Call::Save]);
    publish(&app, 1, 1).await;
    let shutdown = app.shutdown(Duration::from_secs(5));
    let report = tokio::time::timeout(SOON, shutdown).await.expect("the shutdown ends");
    assert!(report.is_clean(), "{report}");
    store.heal();
}

pub(crate) async fn a_clean_restart_after_an_outage_handles_nothing_twice(harness: impl Harness) {
    let store = faulty(harness.another().await);
    let seen = Seen::default();
    for round in 0..3 {
        let app = app(store.clone(), [noting("one", &seen)]).await;
        store.begin(Fault::Fails, [Call::Save]);
        publish(&app, 0, round * 2).await;
        store.fails_again(Call::Save).await;
        publish(&app, 0, round * 2 + 1).await;
        idle(&app).await;
        store.heal();
        stop(app).await;
    }
    assert_eq!(seen.by_counter(), complete(1, 0..6));
}
