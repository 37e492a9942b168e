//! What operators do while several nodes, publishers and readers work.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cqrs_core::handler::HandlerOptions;
use cqrs_core::log::Store;
use cqrs_core::operations::{DeliveryFilter, FailedDelivery, ResetTo};
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{EventBus, Handler, Published, RetryPolicy};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::applications::{
    Counted, CountedTwice, Seen, app, complete, idle, noting, publish, stop, stubborn, tenant,
};
use crate::faulty::{Call, Faulty, faulty_with_lease};
use crate::harness::Harness;
use crate::operations::{failed, operator, refusing};
use crate::support::{LONG, eventually, read_all};

/// A short time, for a node that takes its shards again with its next beat.
const SHORT_LEASE: Duration = Duration::from_millis(300);

/// A handler that publishes [`CountedTwice`] for each event of the counter 1 when it may end. It can fail instead.
#[derive(Clone, Default)]
struct Repeating {
    events: Arc<OnceLock<EventBus>>,
    fails: Arc<AtomicBool>,
    begun: Arc<Notify>,
    may_end: Arc<Notify>,
}

impl Repeating {
    /// The same for another application.
    fn again(&self) -> Self {
        Self { events: Arc::default(), ..self.clone() }
    }

    fn handler(&self) -> HandlerRegistration {
        let this = self.clone();
        let handler = Handler::event_fn("repeat", move |event: Published<Counted>, ctx| {
            let this = this.clone();
            async move {
                if event.counter != 1 {
                    return Ok(());
                }
                if this.fails.load(SeqCst) {
                    return Err(HandlerError::new("not yet"));
                }
                this.begun.notify_one();
                this.may_end.notified().await;
                let Counted { counter, number } = *event;
                let events = this.events.get().unwrap();
                events.publish(&ctx, CountedTwice { counter, number }).await?;
                Ok(())
            }
        });
        let (shortest, longest) = (Duration::from_millis(50), Duration::from_millis(100));
        let retry = RetryPolicy::exponential(1000, shortest, longest);
        handler.options(HandlerOptions::DEFAULT.retry(retry))
    }
}

/// How many events the handlers have published.
async fn repeated(store: &dyn Store) -> usize {
    let events = read_all(store).await.into_iter();
    events.filter(|it| it.event.name == CountedTwice::NAME).count()
}

/// A node that has all shards, with its store.
async fn owner(harness: &impl Harness, repeating: &Repeating) -> (App, Arc<Faulty>) {
    let store = faulty_with_lease(harness.another().await, LONG);
    let owner = app(store.clone(), [repeating.handler()]).await;
    repeating.events.set(owner.events().clone()).unwrap();
    (owner, store)
}

/// The attempt that runs ends, and its node has tried to save that.
async fn end_attempt(repeating: &Repeating, store: &Faulty) {
    let append = store.answers_again(Call::Append);
    let save = store.answers_again(Call::Save);
    tokio::join!(append, save, async { repeating.may_end.notify_one() });
}

pub(crate) async fn a_reset_from_another_node_fences_an_attempt_that_runs(harness: impl Harness) {
    let repeating = Repeating::default();
    let (owner, store) = owner(&harness, &repeating).await;
    publish(&owner, 1, 1).await;
    repeating.begun.notified().await;
    let operators = app(harness.another().await, []).await;
    operators.operations().reset(&operator(), "repeat", ResetTo::Beginning).await.unwrap();
    end_attempt(&repeating, &store).await;
    stop(owner).await;
    assert_eq!(repeated(&*store).await, 0, "the attempt has no effect");
    let (next, store) = self::owner(&harness, &repeating.again()).await;
    repeating.begun.notified().await;
    repeating.may_end.notify_one();
    idle(&next).await;
    assert_eq!(repeated(&*store).await, 1);
    stop(next).await;
    stop(operators).await;
}

pub(crate) async fn a_discard_from_another_node_fences_an_attempt_that_runs(harness: impl Harness) {
    let repeating = Repeating::default();
    repeating.fails.store(true, SeqCst);
    let (owner, store) = owner(&harness, &repeating).await;
    publish(&owner, 1, 1).await;
    publish(&owner, 2, 2).await;
    store.has_parked(1).await;
    repeating.fails.store(false, SeqCst);
    repeating.begun.notified().await;
    let operators = app(harness.another().await, []).await;
    let parked = failed(&operators, DeliveryFilter::parked()).await.remove(0);
    operators.operations().discard(&operator(), parked.id).await.unwrap();
    end_attempt(&repeating, &store).await;
    stop(owner).await;
    assert_eq!(repeated(&*store).await, 0, "the attempt has no effect");
    let (next, store) = self::owner(&harness, &repeating.again()).await;
    idle(&next).await;
    assert_eq!(failed(&operators, DeliveryFilter::all()).await.len(), 0);
    assert_eq!(repeated(&*store).await, 0, "it is discarded");
    stop(next).await;
    stop(operators).await;
}

pub(crate) async fn a_node_without_the_shard_redelivers(harness: impl Harness) {
    let (seen, refused, heals) = (Seen::default(), Seen::default(), Arc::default());
    let hour = RetryPolicy::exponential(10, Duration::from_hours(1), Duration::from_hours(2));
    let patient = stubborn(&seen, &heals, |it| it == 1);
    let patient = patient.options(HandlerOptions::DEFAULT.retry(hour));
    let store = faulty_with_lease(harness.another().await, SHORT_LEASE);
    let owner = app(store.clone(), [patient, refusing("refusing", &refused, &heals)]).await;
    publish(&owner, 1, 1).await;
    publish(&owner, 2, 2).await;
    store.has_parked(1).await;
    heals.store(true, SeqCst);
    let operators = app(harness.another().await, []).await;
    let operations = operators.operations();
    let parked = failed(&operators, DeliveryFilter::parked()).await.remove(0);
    operations.redeliver(&operator(), parked.id).await.unwrap();
    let dead = failed(&operators, DeliveryFilter::dead()).await.remove(0);
    operations.redeliver(&operator(), dead.id).await.unwrap();
    eventually("its owner handles both", async || {
        [&seen, &refused].iter().all(|seen| seen.by_counter().contains_key(&1))
    })
    .await;
    let all = async || failed(&operators, DeliveryFilter::all()).await;
    eventually("both are settled", async || all().await.is_empty()).await;
    stop(owner).await;
    stop(operators).await;
}

/// Publishes so many numbers of each counter, each in a task, while the log is pruned. Returns how much was pruned.
async fn prune_while_publishing(app: &App, numbers: Range<u32>) -> u64 {
    let mut publishing = JoinSet::new();
    for counter in 0..PUBLISHERS {
        let (app, numbers) = (app.clone(), numbers.clone());
        publishing.spawn(async move {
            for number in numbers {
                app.events().publish(&tenant(counter), Counted { counter, number }).await.unwrap();
            }
        });
    }
    let mut pruned = 0;
    while !publishing.is_empty() {
        pruned += app.operations().prune(&operator(), Duration::ZERO).await.unwrap();
        while publishing.try_join_next().is_some_and(|it| it.is_ok()) {}
    }
    pruned
}

/// How many tasks publish while the log is pruned.
const PUBLISHERS: u32 = 8;

pub(crate) async fn a_prune_beside_publishers_and_readers_removes_nothing_that_is_needed(
    harness: impl Harness,
) {
    let (fast, slow) = (Seen::default(), Seen::default());
    let handlers = || [noting("fast", &fast), noting("slow", &slow)];
    let before = app(harness.another().await, handlers()).await;
    let mut pruned = prune_while_publishing(&before, 0..50).await;
    idle(&before).await;
    pruned += before.operations().prune(&operator(), Duration::ZERO).await.unwrap();
    assert_eq!(pruned, 50 * u64::from(PUBLISHERS) - 1, "the last one stays");
    // From now on, one of the handlers needs what is published, also after a restart.
    before.operations().pause(&operator(), "slow").await.unwrap();
    prune_while_publishing(&before, 50..100).await;
    eventually("the other handler goes on", async || fast.len() == 100 * PUBLISHERS as usize).await;
    stop(before).await;
    let after = app(harness.another().await, handlers()).await;
    after.operations().resume(&operator(), "slow").await.unwrap();
    prune_while_publishing(&after, 100..120).await;
    eventually("both have all", async || {
        [&fast, &slow].iter().all(|seen| seen.by_counter() == complete(PUBLISHERS, 0..120))
    })
    .await;
    stop(after).await;
}

pub(crate) async fn a_filter_by_tenant_shows_nothing_of_other_tenants(harness: impl Harness) {
    const TENANTS: u32 = 3;
    let (seen, heals) = (Seen::default(), Arc::default());
    let store = faulty_with_lease(harness.another().await, LONG);
    let handlers = [refusing("refusing", &seen, &heals), stubborn(&seen, &heals, |it| it == 1)];
    let app = app(store.clone(), handlers).await;
    // The same entities, handlers and errors for each tenant, and for no tenant.
    let contexts: Vec<_> = (0..TENANTS).map(tenant).chain([Context::system()]).collect();
    for ctx in &contexts {
        for number in [1, 3, 5] {
            app.events().publish(ctx, Counted { counter: 1, number }).await.unwrap();
        }
        // What is parked is not the last event of a shard.
        app.events().publish(ctx, Counted { counter: 2, number: 2 }).await.unwrap();
    }
    store.has_parked(3 * contexts.len()).await;
    let entity = |filter: DeliveryFilter| filter.entity("Counter", "1");
    let is_of = |failed: &[FailedDelivery], ctx: &Context| {
        failed.iter().all(|it| it.event.context().tenant() == ctx.tenant())
    };
    for ctx in &contexts {
        let all = || DeliveryFilter::all().tenant(ctx.tenant().clone());
        for (filter, count) in [
            (all(), 6),
            (entity(all()), 6),
            (entity(all()).handler("refusing"), 3),
            (entity(all()).error("not yet"), 1),
            (entity(DeliveryFilter::dead().tenant(ctx.tenant().clone())), 3),
            (entity(DeliveryFilter::parked().tenant(ctx.tenant().clone())), 3),
        ] {
            let failed = failed(&app, filter.clone()).await;
            assert_eq!(failed.len(), count, "{filter:?}");
            assert!(is_of(&failed, ctx), "{filter:?}: {failed:?}");
        }
    }
    let of_second = entity(DeliveryFilter::dead()).tenant(contexts[1].tenant().clone());
    assert_eq!(app.operations().discard_all(&operator(), &of_second).await.unwrap(), 3);
    assert_eq!(failed(&app, of_second).await.len(), 0);
    assert_eq!(failed(&app, entity(DeliveryFilter::dead())).await.len(), 3 * contexts.len() - 3);
    heals.store(true, SeqCst);
    stop(app).await;
}
