//! Events that are published later.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use cqrs_core::bus::CancelError;
use cqrs_core::handler::{HandlerOptions, TransactionalEventHandler};
use cqrs_core::log::{DueEvents, Entry, LogEvent, ScheduledEvent, Store};
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::testing::TestApp;
use cqrs_core::{EventBus, Handler, Published, RetryPolicy};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::applications::{
    Counted, CountedTwice, SOON, Seen, app, builder, complete, ctx, idle, noting, noting_twice,
    publish, started, stop, tenant,
};
use crate::faulty::{Call, Fault, faulty};
use crate::harness::Harness;
use crate::support::{LONG, append, event, eventually, payloads, read_all};

/// Later than any test.
fn far() -> Timestamp {
    after(LONG)
}

fn after(wait: Duration) -> Timestamp {
    Timestamp::now() + SignedDuration::try_from(wait).unwrap()
}

fn past() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn scheduled(due: Timestamp, payload: impl ToString) -> ScheduledEvent {
    ScheduledEvent { due, event: event(0, payload) }
}

/// Returns the ids of the events.
async fn schedule(
    store: &dyn Store,
    scheduled: impl IntoIterator<Item = ScheduledEvent>,
) -> Vec<Uuid> {
    let scheduled: Vec<_> = scheduled.into_iter().collect();
    let ids = scheduled.iter().map(|it| it.event.id).collect();
    store.append(&[Entry { scheduled, ..Entry::default() }]).await.unwrap();
    ids
}

async fn publish_at(app: &App, at: Timestamp, counter: u32, number: u32) -> Uuid {
    app.events().publish_at(&ctx(), at, Counted { counter, number }).await.unwrap()
}

async fn cancel(app: &App, id: Uuid) -> bool {
    app.events().cancel(id).await.unwrap()
}

pub(crate) async fn what_is_due_moves_in_the_order_of_its_times(harness: impl Harness) {
    let store = harness.store();
    let second = |number: i64| Timestamp::from_second(number).unwrap();
    append(&*store, 0, 1).await;
    schedule(&*store, [scheduled(second(7), 4), scheduled(second(5), 2), scheduled(far(), 9)])
        .await;
    schedule(&*store, [scheduled(second(5), 3)]).await;
    schedule(&*harness.another().await, [scheduled(second(8), 5), scheduled(second(7), 6)]).await;
    // A batch is bounded, and says that more is due.
    let DueEvents { moved, next } = store.move_due(2, Duration::ZERO).await.unwrap();
    assert_eq!(moved.iter().map(|it| &it.event.payload).collect::<Vec<_>>(), ["2", "3"]);
    assert_eq!(next, Some(Duration::ZERO));
    let DueEvents { moved, next } =
        harness.another().await.move_due(100, Duration::ZERO).await.unwrap();
    assert_eq!(moved.len(), 3);
    let next = next.unwrap();
    assert!(next > LONG / 2 && next <= LONG, "{next:?}");
    assert_eq!(payloads(&*store).await, ["1", "2", "3", "4", "6", "5"]);
    // What is returned is what is in the log.
    assert_eq!(read_all(&*store).await[3..], moved);
}

pub(crate) async fn without_scheduled_events_nothing_is_due(harness: impl Harness) {
    let store = harness.store();
    assert_eq!(store.move_due(100, Duration::ZERO).await.unwrap(), DueEvents::default());
    let ids = schedule(&*store, [scheduled(past(), 1)]).await;
    assert!(store.cancel(ids[0]).await.unwrap());
    assert_eq!(store.move_due(100, Duration::ZERO).await.unwrap(), DueEvents::default());
}

pub(crate) async fn any_time_can_be_scheduled(harness: impl Harness) {
    let store = harness.store();
    let times = [Timestamp::MIN, Timestamp::MAX, far()];
    schedule(&*store, times.map(|due| scheduled(due, due.as_second()))).await;
    let DueEvents { moved, next } = store.move_due(100, Duration::ZERO).await.unwrap();
    assert_eq!(moved.len(), 1);
    // The clocks of the store and of the test may differ a little.
    assert!(next.is_some_and(|next| next <= LONG + Duration::from_secs(5)), "{next:?}");
}

pub(crate) async fn everything_about_a_scheduled_event_is_kept(mut harness: impl Harness) {
    let whole =
        LogEvent { key: Some(u64::MAX), ..event(3, r#"{"text":"\u0000 🙈","rate":0.1000}"#) };
    let bare =
        LogEvent { key: None, tenant: None, entity: None, entity_id: None, ..event(15, "{}") };
    let events = [whole, bare];
    let scheduled = events.clone().map(|event| ScheduledEvent { due: past(), event });
    // An entry can append and schedule.
    let entry = Entry { scheduled: scheduled.into(), ..crate::support::entry([event(0, 1)]) };
    harness.store().append(&[entry]).await.unwrap();
    harness.reopen().await;
    let store = harness.store();
    assert_eq!(store.move_due(100, Duration::ZERO).await.unwrap().moved.len(), 2);
    let logged: Vec<_> = read_all(&*store).await.into_iter().map(|it| it.event).collect();
    assert_eq!(logged[1..], events);
    assert_eq!(logged[0].payload, "1");
}

pub(crate) async fn an_event_is_cancelled_while_it_is_scheduled(harness: impl Harness) {
    let (store, another) = (harness.store(), harness.another().await);
    let ids = schedule(&*store, (0..3).map(|number| scheduled(past(), number))).await;
    assert!(another.cancel(ids[1]).await.unwrap());
    assert!(!store.cancel(ids[1]).await.unwrap(), "it was cancelled before");
    assert_eq!(store.move_due(100, Duration::ZERO).await.unwrap().moved.len(), 2);
    assert!(!another.cancel(ids[0]).await.unwrap(), "it is in the log");
    assert!(!store.cancel(Uuid::now_v7()).await.unwrap(), "it never was");
    assert_eq!(payloads(&*store).await, ["0", "2"]);
}

/// Two nodes move, while others append and cancel.
pub(crate) async fn nodes_that_move_at_the_same_time_move_nothing_twice(harness: impl Harness) {
    const COUNT: u64 = 300;
    let stores = [harness.store(), harness.another().await];
    let due = |number| Timestamp::from_second(i64::try_from(number / 10).unwrap()).unwrap();
    let events = (0..COUNT).map(|number| scheduled(due(number), number));
    let ids = schedule(&*stores[0], events).await;
    let moving = (0..4_usize).map(|node| {
        let store = stores[node % 2].clone();
        tokio::spawn(async move {
            let mut moved = Vec::new();
            loop {
                let due = store.move_due(7, Duration::ZERO).await.unwrap();
                moved.extend(due.moved);
                if due.next.is_none() {
                    return moved;
                }
            }
        })
    });
    let moving: Vec<_> = moving.collect();
    let cancelling = {
        let store = stores[1].clone();
        let ids: Vec<_> = ids.iter().rev().step_by(20).copied().collect();
        tokio::spawn(async move {
            let mut cancelled = Vec::new();
            for id in ids {
                if store.cancel(id).await.unwrap() {
                    cancelled.push(id);
                }
                append(&*store, 1, 1).await;
            }
            cancelled
        })
    };
    let mut moved = Vec::new();
    for node in moving {
        moved.extend(node.await.unwrap());
    }
    let cancelled = cancelling.await.unwrap();
    moved.sort_by_key(|logged| logged.position);
    let is_scheduled = |id: &Uuid| ids.contains(id);
    let logged = read_all(&*stores[0]).await;
    let logged: Vec<_> = logged.into_iter().filter(|it| is_scheduled(&it.event.id)).collect();
    assert_eq!(logged, moved);
    let in_log: Vec<_> = logged.iter().map(|logged| logged.event.id).collect();
    let expected: Vec<_> = ids.iter().filter(|id| !cancelled.contains(id)).copied().collect();
    assert_eq!(in_log, expected);
}

pub(crate) async fn a_reader_learns_of_what_was_moved(harness: impl Harness) {
    let store = harness.store();
    schedule(&*store, [scheduled(past(), 1)]).await;
    let news = store.news();
    store.move_due(100, Duration::ZERO).await.unwrap();
    tokio::time::timeout(SOON, news).await.expect("there is news");
}

pub(crate) async fn an_event_is_published_once_when_its_time_has_come(harness: impl Harness) {
    let seen = Seen::default();
    let app = app(harness.another().await, [noting("count", &seen)]).await;
    let due = after(Duration::from_millis(300));
    let id = publish_at(&app, due, 1, 1).await;
    publish_at(&app, far(), 1, 2).await;
    eventually("it is handled", async || seen.len() == 1).await;
    assert!(!cancel(&app, id).await, "it was published");
    // Nothing waits for what is not due.
    idle(&app).await;
    stop(app).await;
    assert_eq!(seen.by_counter()[&1], [1]);
    let log = read_all(&*harness.store()).await;
    assert_eq!(log.iter().map(|logged| logged.event.id).collect::<Vec<_>>(), [id]);
    // Stores count in microseconds or more.
    assert!(log[0].at + SignedDuration::from_micros(1) >= due, "{} {due}", log[0].at);
}

pub(crate) async fn what_is_cancelled_is_never_published(harness: impl Harness) {
    let store = faulty(harness.another().await);
    let seen = Seen::default();
    let app = app(store.clone(), [noting("count", &seen)]).await;
    // Nothing is moved before one is cancelled.
    store.begin(Fault::Fails, [Call::MoveDue]);
    store.fails_again(Call::MoveDue).await;
    let id = publish_at(&app, past(), 1, 1).await;
    publish_at(&app, past(), 1, 2).await;
    assert!(cancel(&app, id).await);
    assert!(!cancel(&app, id).await, "it was cancelled before");
    store.heal();
    eventually("the other one is handled", async || seen.len() == 1).await;
    stop(app).await;
    assert_eq!(seen.by_counter()[&1], [2]);
    assert_eq!(payloads(&*harness.store()).await.len(), 1);
}

pub(crate) async fn a_time_that_has_passed_is_at_once(harness: impl Harness) {
    let seen = Seen::default();
    let app = app(harness.another().await, [noting("count", &seen)]).await;
    let before = Timestamp::now();
    for (number, due) in (0..).zip([past(), Timestamp::MIN, before]) {
        publish_at(&app, due, number, 0).await;
    }
    eventually("they are handled", async || seen.len() == 3).await;
    stop(app).await;
    assert_eq!(seen.by_counter(), complete(3, 0..1));
}

pub(crate) async fn events_of_one_key_arrive_in_the_order_of_their_times(harness: impl Harness) {
    let store = faulty(harness.another().await);
    let seen = Seen::default();
    let app = app(store.clone(), [noting("count", &seen)]).await;
    // Nothing is moved before all are scheduled.
    store.begin(Fault::Fails, [Call::MoveDue]);
    store.fails_again(Call::MoveDue).await;
    for number in (0..20).rev() {
        let due = Timestamp::from_second(i64::from(number)).unwrap();
        publish_at(&app, due, 1, number).await;
    }
    store.heal();
    eventually("all are handled", async || seen.len() == 20).await;
    stop(app).await;
    assert_eq!(seen.by_counter()[&1], (0..20).collect::<Vec<_>>());
}

pub(crate) async fn scheduled_events_survive_a_restart(mut harness: impl Harness) {
    let seen = Seen::default();
    let handlers = || [noting("count", &seen)];
    let before = app(harness.another().await, handlers()).await;
    let kept = publish_at(&before, after(Duration::from_secs(2)), 1, 1).await;
    let cancelled = publish_at(&before, far(), 1, 2).await;
    stop(before).await;
    harness.reopen().await;
    let app = app(harness.another().await, handlers()).await;
    assert!(cancel(&app, cancelled).await);
    eventually("it is handled", async || seen.len() == 1).await;
    assert!(!cancel(&app, kept).await);
    stop(app).await;
    assert_eq!(seen.by_counter()[&1], [1]);
}

pub(crate) async fn a_test_moves_the_clock_to_the_time_of_a_scheduled_event(harness: impl Harness) {
    let seen = Seen::default();
    let app = builder(harness.another().await, [noting("count", &seen)]);
    let app = TestApp::from_builder(app).build().unwrap();
    app.start().await.unwrap();
    let hours = |hours| Timestamp::now() + SignedDuration::from_hours(hours);
    let begin = hours(0);
    for (number, due) in [(1, hours(1)), (2, hours(30)), (3, hours(3))] {
        publish_at(&app, due, 1, number).await;
    }
    app.settled().await;
    assert_eq!(seen.len(), 0, "none is due");

    app.advance(Duration::from_hours(4)).await;
    app.settled().await;
    assert_eq!(seen.by_counter()[&1], [1, 3]);
    // The times of events that are published now are moved too.
    publish(&app, 1, 4).await;
    let published = app.all_published().pop().unwrap();
    assert!(published.occurred_at() >= begin + SignedDuration::from_hours(4));

    app.advance(Duration::from_hours(24)).await;
    publish_at(&app, begin + SignedDuration::from_hours(28), 1, 5).await;
    app.advance(Duration::from_hours(24)).await;
    app.settled().await;
    assert_eq!(seen.by_counter()[&1], [1, 3, 4, 5, 2]);
    assert!(app.shutdown(SOON).await.is_clean());
}

pub(crate) async fn what_a_handler_schedules_is_by_the_clock_that_a_test_moved(
    harness: impl Harness,
) {
    let seen = Seen::default();
    let bus = Arc::new(OnceLock::<EventBus>::new());
    let events = Arc::clone(&bus);
    let remind = Handler::event_fn("remind", move |event: Published<CountedTwice>, ctx| {
        let events = events.get().unwrap().clone();
        async move {
            let CountedTwice { counter, number } = *event;
            let event = Counted { counter, number };
            events.publish_at(&ctx, ctx.now() + Duration::from_mins(15), event).await?;
            let event = Counted { counter, number: number + 1 };
            events.publish_after(&ctx, Duration::from_mins(30), event).await?;
            Ok(())
        }
    });
    let app = builder(harness.another().await, [remind, noting("count", &seen)]);
    let app = TestApp::from_builder(app).build().unwrap();
    bus.set(app.events().clone()).unwrap();
    app.start().await.unwrap();
    app.advance(Duration::from_hours(5)).await;
    app.publish(&ctx(), CountedTwice { counter: 1, number: 1 }).await.unwrap();
    for numbers in [&[][..], &[1], &[1, 2]] {
        app.settled().await;
        assert_eq!(seen.by_counter().remove(&1).unwrap_or_default(), numbers);
        app.advance(Duration::from_mins(15)).await;
    }
    assert!(app.shutdown(SOON).await.is_clean());
}

pub(crate) async fn a_node_publishes_what_another_one_has_scheduled(harness: impl Harness) {
    let seen = Seen::default();
    let publisher = app(harness.another().await, []).await;
    let worker = app(harness.another().await, [noting("count", &seen)]).await;
    let due = after(Duration::from_millis(300));
    for number in 0..50 {
        let of = if number % 2 == 0 { &publisher } else { &worker };
        publish_at(of, due, number, 0).await;
    }
    stop(publisher).await;
    eventually("all are handled", async || seen.len() == 50).await;
    stop(worker).await;
    assert_eq!(seen.by_counter(), complete(50, 0..1));
    assert_eq!(read_all(&*harness.store()).await.len(), 50);
}

pub(crate) async fn a_node_without_handlers_publishes_what_is_due(harness: impl Harness) {
    let publisher = app(harness.another().await, []).await;
    publish_at(&publisher, after(Duration::from_millis(100)), 1, 1).await;
    let store = harness.store();
    eventually("it is in the log", async || read_all(&*store).await.len() == 1).await;
    stop(publisher).await;
}

pub(crate) async fn a_scheduled_event_keeps_its_context(harness: impl Harness) {
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let contexts = Arc::clone(&contexts);
        Handler::event_fn("keep", move |event: Published<Counted>, ctx: Context| {
            contexts.lock().unwrap().push((event.as_any().clone(), ctx));
            async { Ok(()) }
        })
    };
    let app = app(harness.another().await, [handler]).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let request = tenant(7).with_actor(Actor::user(42)).with_traceparent(trace);
    let request = request.with_attribute("channel", "import").unwrap().with_timeout(SOON);
    let due = after(Duration::from_millis(200));
    let id = app.events().publish_at(&request, due, Counted { counter: 1, number: 1 });
    let id = id.await.unwrap();
    eventually("it is handled", async || !contexts.lock().unwrap().is_empty()).await;
    stop(app).await;
    let (event, ctx) = contexts.lock().unwrap().remove(0);
    assert_eq!((event.id(), ctx.message_id()), (id, id));
    assert_eq!(ctx.tenant(), request.tenant());
    assert_eq!(ctx.actor(), request.actor());
    assert_eq!(ctx.correlation_id(), request.correlation_id());
    assert_eq!(ctx.causation_id(), Some(request.message_id()));
    assert_eq!(ctx.attribute("channel"), Some("import"));
    let trace = |ctx: &Context| ctx.traceparent().unwrap().to_string()[..35].to_owned();
    assert_eq!(trace(event.context()), trace(&request));
    assert_eq!(event.context().deadline(), None, "it is of the request");
    assert!(event.occurred_at().duration_since(due).abs() < SignedDuration::from_micros(1));
}

pub(crate) async fn what_publish_refuses_is_not_scheduled(harness: impl Harness) {
    #[derive(Serialize, Deserialize, Event)]
    struct Noted {
        text: String,
    }

    let store = harness.another().await;
    let app = started(builder(store.clone(), []).payload_limit(100)).await;
    let large = Noted { text: "x".repeat(200) };
    let refused = app.events().publish_at(&ctx(), past(), large).await;
    assert!(matches!(refused, Err(PublishError::TooLarge { limit: 100, .. })), "{refused:?}");
    let events = app.events().clone();
    stop(app).await;
    let refused = events.publish_at(&ctx(), past(), Counted { counter: 1, number: 1 }).await;
    assert!(matches!(refused, Err(PublishError::ShutDown { .. })), "{refused:?}");
    let refused = events.cancel(Uuid::now_v7()).await;
    assert!(matches!(refused, Err(CancelError::ShutDown)), "{refused:?}");
    assert_eq!(store.move_due(100, Duration::ZERO).await.unwrap(), DueEvents::default());
}

/// A handler that schedules [`CountedTwice`] for each event.
fn reminding(events: &Arc<OnceLock<EventBus>>, fails: fn(usize) -> bool) -> HandlerRegistration {
    let (events, attempts) = (Arc::clone(events), Arc::new(AtomicUsize::new(0)));
    Handler::event_fn("remind", move |event: Published<Counted>, ctx: Context| {
        let events = events.get().unwrap().clone();
        let attempt = attempts.fetch_add(1, SeqCst);
        async move {
            let Counted { counter, number } = *event;
            events.publish_at(&ctx, past(), CountedTwice { counter, number }).await?;
            if fails(attempt) {
                return Err(HandlerError::new("failed after it has scheduled"));
            }
            Ok(())
        }
    })
}

pub(crate) async fn what_a_handler_schedules_happens_once(harness: impl Harness) {
    let (seen, events) = (Seen::default(), Arc::default());
    let remind = reminding(&events, |attempt| attempt % 2 == 0).options(retrying());
    let app = app(harness.another().await, [remind, noting_twice("twice", &seen)]).await;
    events.set(app.events().clone()).unwrap();
    for number in 0..10 {
        publish(&app, number, 0).await;
    }
    eventually("all are handled", async || seen.len() >= 10).await;
    idle(&app).await;
    stop(app).await;
    assert_eq!(harness.store().move_due(100, Duration::ZERO).await.unwrap(), DueEvents::default());
    assert_eq!(read_all(&*harness.store()).await.len(), 20);
    assert_eq!(seen.by_counter(), complete(10, 0..1));
}

fn retrying() -> HandlerOptions {
    let (shortest, longest) = (Duration::from_millis(1), Duration::from_millis(2));
    HandlerOptions::DEFAULT.concurrency(1).retry(RetryPolicy::exponential(10, shortest, longest))
}

pub(crate) async fn scheduled_events_reach_transient_handlers_and_streams(harness: impl Harness) {
    let (seen, events) = (Seen::default(), Arc::default());
    let options = HandlerOptions::DEFAULT.transient();
    let remind = reminding(&events, |_| false).options(options);
    let handlers = [remind, noting_twice("note", &seen).options(options)];
    let app = app(harness.another().await, handlers).await;
    events.set(app.events().clone()).unwrap();
    let mut stream = app.events().subscribe::<CountedTwice>();
    publish_at(&app, past(), 1, 1).await;
    eventually("it is handled", async || seen.len() == 1).await;
    let first = tokio::time::timeout(SOON, stream.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.number, 1);
    stop(app).await;
}

pub(crate) async fn scheduling_survives_a_store_that_is_away(harness: impl Harness) {
    let store = faulty(harness.another().await);
    let seen = Seen::default();
    let app = app(store.clone(), [noting("count", &seen)]).await;
    store.begin(Fault::Fails, [Call::Append, Call::MoveDue, Call::Cancel]);
    let publisher = {
        let app = app.clone();
        tokio::spawn(async move { publish_at(&app, past(), 1, 1).await })
    };
    store.fails_again(Call::Append).await;
    store.fails_again(Call::MoveDue).await;
    let hurried = ctx().with_timeout(Duration::from_millis(100));
    let refused = app.events().publish_at(&hurried, past(), Counted { counter: 1, number: 2 });
    let refused = refused.await;
    assert!(matches!(refused, Err(PublishError::NotStored { .. })), "{refused:?}");
    let refused = app.events().cancel(Uuid::now_v7()).await;
    assert!(matches!(refused, Err(CancelError::Store(_))), "{refused:?}");
    store.heal();
    publisher.await.unwrap();
    eventually("it is handled", async || seen.len() == 1).await;
    stop(app).await;
    assert_eq!(seen.by_counter()[&1], [1]);
}

pub(crate) async fn what_a_unit_schedules_counts_after_its_commit(harness: impl Harness) {
    let (store, another) = (harness.store(), harness.another().await);
    for (number, commits) in [(0, false), (1, true), (2, false), (3, true)] {
        let mut unit = store.units().expect("users can write").begin(None).await.unwrap();
        let events = [scheduled(past(), number), scheduled(far(), 9)];
        unit.schedule(&events).await.unwrap();
        harness.write(&mut *unit, &number.to_string()).await;
        if commits {
            unit.commit().await.unwrap();
        } else {
            drop(unit);
        }
    }
    let moved = another.move_due(100, Duration::ZERO).await.unwrap().moved;
    assert_eq!(moved.iter().map(|it| &it.event.payload).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(harness.notes().await, ["1", "3"]);
}

/// Schedules an event in a transaction of type `T`. The first attempt fails after that.
pub(crate) struct Remind<T> {
    events: Arc<OnceLock<EventBus>>,
    has_failed: AtomicBool,
    transaction: PhantomData<fn(T)>,
}

impl<T: Send + 'static> TransactionalEventHandler<Counted> for Remind<T> {
    type Transaction = T;

    async fn handle(&self, event: &Counted, _: &mut T, ctx: &Context) -> HandlerResult {
        let Counted { counter, number } = *event;
        let events = self.events.get().unwrap();
        events.publish_at(ctx, past(), CountedTwice { counter, number }).await?;
        if self.has_failed.swap(true, SeqCst) {
            return Ok(());
        }
        Err(HandlerError::new("failed after it has scheduled"))
    }
}

pub(crate) async fn what_a_transactional_handler_schedules_happens_once<T: Send + 'static>(
    harness: impl Harness,
) {
    let (seen, events) = (Seen::default(), Arc::<OnceLock<_>>::default());
    let remind: Remind<T> =
        Remind { events: Arc::clone(&events), has_failed: false.into(), transaction: PhantomData };
    let remind = Handler::transactional_events("remind", remind).on::<Counted>();
    let remind = HandlerRegistration::from(remind).options(retrying());
    let app = app(harness.another().await, [remind, noting_twice("twice", &seen)]).await;
    events.set(app.events().clone()).unwrap();
    publish(&app, 1, 1).await;
    eventually("it is handled", async || seen.len() == 1).await;
    idle(&app).await;
    stop(app).await;
    assert_eq!(harness.store().move_due(100, Duration::ZERO).await.unwrap(), DueEvents::default());
    assert_eq!(read_all(&*harness.store()).await.len(), 2);
}
