//! What an application promises when its log is replaced by another one, which has other events where it has read: a
//! server that was behind took over, and others have appended since.

use std::sync::{Arc, OnceLock};

use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{EventBus, Handler, Published};
use tokio::sync::{Notify, Semaphore};

use crate::applications::{
    Counted, CountedTwice, Seen, app, complete, idle, noting, publish_for_tenants, stop, tenant,
};
use crate::faulty::{Call, Fault, faulty};
use crate::harness::Harness;
use crate::support::{eventually, read_all};

/// How many events the log had.
const LOST: u32 = 20;

/// Another log with so many events, which no handler has seen. Its shards have had owners with the fencing tokens of the
/// node that goes on in it.
async fn other_log<H: Harness>(handler: HandlerRegistration, events: u32) -> H {
    let harness = H::open().await;
    stop(app(harness.store(), [handler]).await).await;
    let publisher = app(harness.store(), []).await;
    publish_for_tenants(&publisher, events, 1).await;
    stop(publisher).await;
    harness
}

async fn has_seen(seen: &Seen, tenants: u32, number: u32) {
    let of = |counter| seen.by_counter().remove(&counter).unwrap_or_default();
    eventually("no event is skipped", async || {
        (0..tenants).all(|counter| of(counter).contains(&number))
    })
    .await;
}

pub(crate) async fn a_save_on_the_way_skips_no_event_of_a_log_with_other_events(
    harness: impl Harness,
) {
    save_on_the_way(harness, 2 * LOST).await;
}

pub(crate) async fn a_save_on_the_way_skips_no_event_of_a_log_that_ends_earlier(
    harness: impl Harness,
) {
    save_on_the_way(harness, LOST / 2).await;
}

async fn save_on_the_way<H: Harness>(harness: H, events: u32) {
    let seen = Seen::default();
    let next: H = other_log(noting("one", &Seen::default()), events).await;
    let store = faulty(harness.another().await);
    let app = app(store.clone(), [noting("one", &seen)]).await;
    store.begin(Fault::Fails, [Call::Save]);
    publish_for_tenants(&app, LOST, 0).await;
    idle(&app).await;
    assert_eq!(seen.by_counter(), complete(LOST, 0..1));
    store.begin(Fault::Hangs, [Call::Save]);
    store.hangs_again(Call::Save).await;
    // The save is the first call that reaches the next log.
    store.begin(Fault::Fails, [Call::Read, Call::Beat]);
    store.replace(next.another().await);
    store.answers_again(Call::Save).await;
    store.heal();
    has_seen(&seen, events, 1).await;
    publish_for_tenants(&app, LOST, 2).await;
    has_seen(&seen, LOST, 2).await;
    stop(app).await;
}

/// The next log ends one event earlier. So of the two events that the node appends at once, the first has a position that
/// the node has read, and the second is the next one for it.
pub(crate) async fn an_event_behind_which_this_node_appends_is_not_skipped<H: Harness>(harness: H) {
    let seen = Seen::default();
    let next: H = other_log(noting("one", &Seen::default()), LOST - 1).await;
    let store = faulty(harness.another().await);
    let app = app(store.clone(), [noting("one", &seen)]).await;
    store.begin(Fault::Fails, [Call::Save]);
    publish_for_tenants(&app, LOST, 0).await;
    idle(&app).await;
    store.begin(Fault::Fails, [Call::Read, Call::Beat]);
    store.replace(next.another().await);
    let two = [2, 3].map(|number| Counted { counter: 0, number });
    app.events().publish_all(&tenant(0), two).await.unwrap();
    store.answers_again(Call::Save).await;
    store.heal();
    has_seen(&seen, LOST - 1, 1).await;
    has_seen(&seen, 1, 2).await;
    has_seen(&seen, 1, 3).await;
    stop(app).await;
}

/// A handler that publishes [`CountedTwice`] for each event, when it may.
#[derive(Clone)]
struct Repeating {
    events: Arc<OnceLock<EventBus>>,
    begun: Arc<Notify>,
    /// Has no permit until attempts may end.
    may_end: Arc<Semaphore>,
}

impl Repeating {
    fn new() -> Self {
        let (events, begun) = Default::default();
        Self { events, begun, may_end: Arc::new(Semaphore::new(0)) }
    }

    fn handler(&self) -> HandlerRegistration {
        let this = self.clone();
        Handler::event_fn("repeat", move |event: Published<Counted>, ctx| {
            let this = this.clone();
            async move {
                this.begun.notify_one();
                let _may_end = this.may_end.acquire().await.unwrap();
                let Counted { counter, number } = *event;
                let events = this.events.get().unwrap();
                events.publish(&ctx, CountedTwice { counter, number }).await?;
                Ok(())
            }
        })
    }
}

pub(crate) async fn what_a_handler_publishes_for_a_lost_event_does_not_happen<H: Harness>(
    harness: H,
) {
    let repeating = Repeating::new();
    let next: H = other_log(repeating.handler(), 1).await;
    let store = faulty(harness.another().await);
    let app = app(store.clone(), [repeating.handler()]).await;
    repeating.events.set(app.events().clone()).unwrap();
    publish_for_tenants(&app, 1, 0).await;
    repeating.begun.notified().await;
    store.begin(Fault::Fails, [Call::Read, Call::Beat, Call::Save]);
    store.replace(next.another().await);
    tokio::join!(store.answers_again(Call::Append), async { repeating.may_end.add_permits(1) });
    store.heal();
    let twice = async || {
        let events = read_all(&*next.store()).await.into_iter();
        let twice = events.filter(|it| it.event.name == CountedTwice::NAME);
        twice.map(|it| it.event.payload).collect::<Vec<_>>()
    };
    eventually("the other event is handled", async || !twice().await.is_empty()).await;
    idle(&app).await;
    assert_eq!(twice().await, [r#"{"counter":0,"number":1}"#]);
    stop(app).await;
}
