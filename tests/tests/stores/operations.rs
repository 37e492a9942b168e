//! What operators look at and change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::handler::HandlerOptions;
use cqrs_core::log::EventLog as _;
use cqrs_core::operations::{
    DeliveryFilter, FailedDelivery, FailedState, OperationError, OperationPerformed, ResetTo,
};
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{Actor, Handler, Published, RetryPolicy};
use serde_json::json;

use crate::applications::{
    Counted, Seen, app, beginning, complete, idle, noting, publish, publish_for_counters,
    publish_for_tenants, stop, stubborn, tenant,
};
use crate::faulty::{faulty, faulty_with_lease};
use crate::harness::Harness;
use crate::support::{SHORT, eventually};

pub(crate) fn operator() -> Context {
    Context::system().with_actor(Actor::user("ada"))
}

/// A handler that refuses events with an odd number for good, until `heals` is set.
pub(crate) fn refusing(
    name: &'static str,
    seen: &Seen,
    heals: &Arc<AtomicBool>,
) -> HandlerRegistration {
    let (seen, heals) = (seen.clone(), Arc::clone(heals));
    let handler = Handler::event_fn(name, move |event: Published<Counted>, _| {
        let is_refused = event.number % 2 == 1 && !heals.load(SeqCst);
        if !is_refused {
            seen.add(event.counter, event.number);
        }
        let error = HandlerError::msg(format!("{} is odd", event.number)).permanent();
        async move { if is_refused { Err(error) } else { Ok(()) } }
    });
    handler.options(HandlerOptions::DEFAULT.retry(RetryPolicy::none()))
}

/// Those that match, page by page.
pub(crate) async fn failed(app: &App, filter: DeliveryFilter) -> Vec<FailedDelivery> {
    let (mut all, mut filter) = (Vec::new(), filter.limit(2));
    loop {
        let page = app.operations().failed(&filter).await.unwrap();
        assert!(page.len() <= 2);
        filter.after = page.last().map(|last| last.id);
        all.extend(page);
        if filter.after.is_none() {
            return all;
        }
    }
}

fn numbers(failed: &[FailedDelivery]) -> Vec<u32> {
    let number = |it: &FailedDelivery| it.event.downcast_ref::<Counted>().unwrap().number;
    failed.iter().map(number).collect()
}

pub(crate) async fn dead_letters_are_found_by_each_part_of_a_filter(harness: impl Harness) {
    let (seen, heals) = (Seen::default(), Arc::default());
    let transient = refusing("transient", &seen, &heals);
    // One at a time, so that they die in order.
    let once = HandlerOptions::DEFAULT.retry(RetryPolicy::none()).concurrency(1);
    let handlers = [refusing("refusing", &seen, &heals), transient.options(once.transient())];
    let app = app(harness.another().await, handlers).await;
    for number in 0..6 {
        app.events()
            .publish(&tenant(number % 4), Counted { counter: number, number })
            .await
            .unwrap();
    }
    idle(&app).await;
    let dead = DeliveryFilter::dead;
    let all = failed(&app, dead()).await;
    assert_eq!(numbers(&all), [1, 3, 5, 1, 3, 5], "those of the store, then those in memory");
    assert!(all.iter().all(|it| it.state == FailedState::Dead && it.attempts == 1));
    assert_eq!(all[0].error, "1 is odd");
    assert_eq!(all[0].event.context().tenant(), tenant(1).tenant());
    for (filter, wanted) in [
        (dead().handler("refusing"), vec![1, 3, 5]),
        (dead().handler("transient"), vec![1, 3, 5]),
        (dead().handler("other"), vec![]),
        (dead().event("stores.counted").handler("refusing"), vec![]),
        (dead().event(all[0].event.name()).handler("refusing"), vec![1, 3, 5]),
        (dead().tenant(tenant(1).tenant().clone()), vec![1, 5, 1, 5]),
        (dead().tenant(Context::system().tenant().clone()), vec![]),
        (dead().entity(all[0].event.entity().unwrap(), "3"), vec![3, 3]),
        (dead().entity("Other", "3"), vec![]),
        (dead().error("3 is"), vec![3, 3]),
        (dead().error("%"), vec![]),
        (DeliveryFilter::parked(), vec![]),
        (DeliveryFilter::all().handler("refusing"), vec![1, 3, 5]),
    ] {
        assert_eq!(numbers(&failed(&app, filter.clone()).await), wanted, "{filter:?}");
    }
    // So that it dies later, also for a store that counts milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    publish(&app, 1, 7).await;
    idle(&app).await;
    let last = failed(&app, dead().handler("refusing")).await.pop().unwrap();
    assert_eq!(numbers(&failed(&app, dead().from(last.since).handler("refusing")).await), [7]);
    let before = failed(&app, dead().until(last.since).handler("refusing")).await;
    assert_eq!(numbers(&before), [1, 3, 5]);
    stop(app).await;
}

pub(crate) async fn a_dead_letter_is_redelivered_to_its_handler_alone(harness: impl Harness) {
    let (seen, other, heals) = (Seen::default(), Seen::default(), Arc::new(AtomicBool::new(false)));
    let app = app(
        harness.another().await,
        [refusing("refusing", &seen, &heals), noting("other", &other)],
    )
    .await;
    publish(&app, 1, 1).await;
    publish(&app, 1, 2).await;
    idle(&app).await;
    let letter = failed(&app, DeliveryFilter::dead()).await.remove(0);
    app.operations().redeliver(&operator(), letter.id).await.unwrap();
    eventually("it fails again", async || {
        let again = failed(&app, DeliveryFilter::dead()).await;
        again.len() == 1 && again[0].id != letter.id
    })
    .await;
    let again = failed(&app, DeliveryFilter::dead()).await.remove(0);
    assert_eq!(again.event.id(), letter.event.id(), "it is the same event");
    heals.store(true, SeqCst);
    let redelivered = app.operations().redeliver_all(&operator(), &DeliveryFilter::dead()).await;
    assert_eq!(redelivered.unwrap(), 1);
    eventually("it is handled", async || seen.by_counter()[&1] == [2, 1]).await;
    idle(&app).await;
    assert_eq!(failed(&app, DeliveryFilter::all()).await.len(), 0);
    assert_eq!(other.by_counter()[&1], [1, 2]);
    let twice = app.operations().redeliver(&operator(), letter.id).await;
    assert!(matches!(twice, Err(OperationError::NoSuchDelivery(id)) if id == letter.id));
    stop(app).await;
}

pub(crate) async fn a_dead_letter_is_edited_and_redelivered(harness: impl Harness) {
    let seen = Seen::default();
    let app = app(harness.another().await, [refusing("refusing", &seen, &Arc::default())]).await;
    publish(&app, 1, 1).await;
    idle(&app).await;
    let letter = failed(&app, DeliveryFilter::dead()).await.remove(0);
    let operations = app.operations();
    let wrong = operations.redeliver_edited(&operator(), letter.id, &json!({"number": "x"})).await;
    assert!(matches!(wrong, Err(OperationError::WrongPayload { .. })), "{wrong:?}");
    operations.redeliver_edited(&operator(), letter.id, &json!({"number": 4})).await.unwrap();
    eventually("it is handled", async || seen.len() == 1).await;
    assert_eq!(seen.by_counter()[&1], [4]);
    assert_eq!(failed(&app, DeliveryFilter::all()).await.len(), 0);
    stop(app).await;
}

pub(crate) async fn a_discarded_delivery_is_gone(harness: impl Harness) {
    let (seen, heals) = (Seen::default(), Arc::default());
    let store = faulty(harness.another().await);
    let handlers =
        [refusing("refusing", &Seen::default(), &heals), stubborn(&seen, &heals, |it| it == 1)];
    let app = app(store.clone(), handlers).await;
    // The first one holds back the second one; the others make sure that both are parked.
    publish(&app, 1, 1).await;
    publish(&app, 1, 2).await;
    publish(&app, 2, 2).await;
    store.has_parked(2).await;
    let dead = failed(&app, DeliveryFilter::dead()).await.remove(0);
    app.operations().discard(&operator(), dead.id).await.unwrap();
    let again = app.operations().discard(&operator(), dead.id).await;
    assert!(matches!(again, Err(OperationError::NoSuchDelivery(_))), "{again:?}");

    let parked = failed(&app, DeliveryFilter::parked()).await;
    assert_eq!(numbers(&parked), [1, 2]);
    assert!(parked[0].attempts > 0 && parked[0].error == "not yet", "{parked:?}");
    let edited = app.operations().redeliver_edited(&operator(), parked[0].id, &json!({})).await;
    assert!(matches!(edited, Err(OperationError::Parked(_))), "{edited:?}");
    app.operations().discard(&operator(), parked[0].id).await.unwrap();
    heals.store(true, SeqCst);
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1], [2]);
    assert_eq!(failed(&app, DeliveryFilter::all()).await.len(), 0);
    stop(app).await;
}

pub(crate) async fn a_parked_delivery_is_tried_at_once(harness: impl Harness) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let store = faulty(harness.another().await);
    let hour = RetryPolicy::exponential(10, Duration::from_hours(1), Duration::from_hours(2));
    let patient = stubborn(&seen, &heals, |it| it == 1);
    let patient = patient.options(HandlerOptions::DEFAULT.retry(hour));
    let app = app(store.clone(), [patient]).await;
    publish(&app, 1, 1).await;
    publish(&app, 2, 2).await;
    store.has_parked(1).await;
    heals.store(true, SeqCst);
    let parked = failed(&app, DeliveryFilter::parked()).await.remove(0);
    assert!(matches!(parked.state, FailedState::Parked { due: Some(_) }), "{parked:?}");
    app.operations().redeliver(&operator(), parked.id).await.unwrap();
    idle(&app).await;
    assert_eq!(seen.by_counter()[&1], [1]);
    stop(app).await;
}

pub(crate) async fn a_pause_holds_on_all_nodes_and_after_a_restart(harness: impl Harness) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let handlers = || [noting("count", &seen)];
    let first = app(faulty_with_lease(inner.clone(), SHORT), handlers()).await;
    assert!(first.operations().pause(&operator(), "count").await.unwrap());
    assert!(!first.operations().pause(&operator(), "count").await.unwrap(), "it is no change");
    let unknown = first.operations().pause(&operator(), "county").await.unwrap_err().to_string();
    assert!(unknown.contains("the most similar name is `count`"), "{unknown}");
    stop(first).await;
    let store = faulty_with_lease(inner.clone(), SHORT);
    let second = app(store.clone(), handlers()).await;
    let third = app(faulty_with_lease(inner, SHORT), handlers()).await;
    store.has_claimed(8).await;
    publish_for_tenants(&second, 20, 0).await;
    eventually("the nodes share the shards", async || {
        let nodes = third.operations().nodes().await.unwrap();
        nodes.len() == 2 && nodes.iter().all(|it| it.shards.len() == 8)
    })
    .await;
    assert_eq!(seen.len(), 0);
    let statuses = second.operations().subscriptions().await.unwrap();
    assert!(statuses[0].is_paused && statuses[0].behind >= 20, "{statuses:?}");
    assert!(third.operations().resume(&operator(), "count").await.unwrap());
    eventually("both go on", async || seen.len() == 20).await;
    stop(second).await;
    stop(third).await;
}

pub(crate) async fn a_reset_handler_handles_again_what_follows(harness: impl Harness) {
    let inner = harness.another().await;
    let (seen, other) = (Seen::default(), Seen::default());
    let app = app(inner, [noting("again", &seen), noting("other", &other)]).await;
    for number in 0..10 {
        publish_for_counters(&app, 3, number).await;
    }
    idle(&app).await;
    let operations = app.operations();
    operations.reset(&operator(), "again", ResetTo::Beginning).await.unwrap();
    idle(&app).await;
    let twice = |from: u32| {
        let numbers: Vec<_> = (0..10).chain(from..10).collect();
        (0..3).map(|counter| (counter, numbers.clone())).collect()
    };
    assert_eq!(seen.by_counter(), twice(0));
    assert_eq!(other.by_counter(), complete(3, 0..10));
    let unknown = operations.reset(&operator(), "nobody", ResetTo::End).await;
    assert!(matches!(unknown, Err(OperationError::UnknownHandler(_))), "{unknown:?}");
    stop(app).await;
}

pub(crate) async fn a_reset_goes_to_a_time_a_position_or_the_end(harness: impl Harness) {
    let inner = harness.another().await;
    let seen = Seen::default();
    let app = app(inner, [noting("again", &seen)]).await;
    let operations = app.operations();
    publish(&app, 1, 1).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let between = jiff::Timestamp::now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    publish(&app, 1, 2).await;
    publish(&app, 1, 3).await;
    idle(&app).await;
    let second = operations.subscriptions().await.unwrap()[0].position.0 - 1;
    let second = cqrs_core::operations::Position(second);
    for (to, wanted) in [
        (ResetTo::Time(between), vec![2, 3]),
        (ResetTo::After(second), vec![3]),
        (ResetTo::End, vec![]),
    ] {
        let before = seen.len();
        operations.reset(&operator(), "again", to).await.unwrap();
        idle(&app).await;
        assert_eq!(seen.by_counter()[&1][before..], wanted, "{to:?}");
    }
    stop(app).await;
}

pub(crate) async fn a_pruned_log_has_what_is_needed(harness: impl Harness) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let store = faulty(harness.another().await);
    let handlers =
        [stubborn(&seen, &heals, |it| it == 1), refusing("refusing", &Seen::default(), &heals)];
    let app = app(store.clone(), handlers).await;
    publish_for_counters(&app, 1, 0).await;
    publish(&app, 1, 1).await;
    publish_for_counters(&app, 1, 2).await;
    store.has_parked(1).await;
    let operations = app.operations();
    assert_eq!(operations.prune(&operator(), Duration::from_hours(1)).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(
        operations.prune(&operator(), Duration::ZERO).await.unwrap(),
        1,
        "the parked one stays"
    );
    heals.store(true, SeqCst);
    idle(&app).await;
    assert_eq!(
        operations.prune(&operator(), Duration::ZERO).await.unwrap(),
        1,
        "the last one stays"
    );
    let range = store.range().await.unwrap();
    assert_eq!(range.start(), range.end());
    // Its dead letter has a copy, and positions go on.
    operations.redeliver_all(&operator(), &DeliveryFilter::dead()).await.unwrap();
    publish(&app, 0, 3).await;
    idle(&app).await;
    assert_eq!(failed(&app, DeliveryFilter::all()).await.len(), 0);
    assert_eq!(seen.by_counter()[&0], [0, 2, 3]);
    let late = Seen::default();
    let next = crate::applications::app(
        harness.another().await,
        [noting("late", &late).options(beginning())],
    );
    let next = next.await;
    eventually("it has what is left", async || late.len() >= 2).await;
    stop(app).await;
    stop(next).await;
}

pub(crate) async fn a_forgotten_subscription_is_gone(harness: impl Harness) {
    let seen = Seen::default();
    let before = app(harness.another().await, [noting("old", &seen)]).await;
    let used = before.operations().forget(&operator(), "old").await;
    assert!(matches!(used, Err(OperationError::StillHandled(_))), "{used:?}");
    stop(before).await;
    let now = app(harness.another().await, [noting("new", &seen)]).await;
    let names = async || {
        let statuses = now.operations().subscriptions().await.unwrap();
        statuses.into_iter().map(|it| (it.handler, it.is_handled)).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [("new".to_owned(), true), ("old".to_owned(), false)]);
    now.operations().forget(&operator(), "old").await.unwrap();
    assert_eq!(names().await, [("new".to_owned(), true)]);
    publish(&now, 1, 1).await;
    idle(&now).await;
    assert_eq!(seen.len(), 1);
    stop(now).await;
}

pub(crate) async fn what_an_operator_does_is_an_event_with_the_actor(harness: impl Harness) {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = {
        let told = Arc::clone(&told);
        Handler::event_fn("tell", move |event: Published<OperationPerformed>, ctx: Context| {
            let actor = ctx.actor().map(ToString::to_string);
            told.lock().unwrap().push((event.operation.clone(), event.handler.clone(), actor));
            async { Ok(()) }
        })
    };
    let app = app(harness.another().await, [tell, noting("count", &Seen::default())]).await;
    app.operations().pause(&operator(), "count").await.unwrap();
    app.operations().resume(&operator(), "count").await.unwrap();
    eventually("both are told", async || told.lock().unwrap().len() == 2).await;
    let of = |operation: &str| {
        (operation.to_owned(), "count".to_owned(), operator().actor().map(ToString::to_string))
    };
    assert_eq!(*told.lock().unwrap(), [of("paused"), of("resumed")]);
    stop(app).await;
}
