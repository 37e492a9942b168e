//! Per handler and entity: in publish order, one at a time. Otherwise at the same time, up to a limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cqrs_core::handler::Order;
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::testing::{TestApp, TestAppBuilder};
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};
use proptest::prelude::*;
use tokio::sync::Barrier;

use crate::support::{Log, ONCE, acme, everybody_waits};

#[derive(Serialize, Deserialize, Event)]
#[event(entity = "Walker")]
struct StepTaken {
    #[event(entity_id)]
    walker: u32,
    step: u32,
}

/// Another event of the same entity, which must keep its place among the steps.
#[derive(Serialize, Deserialize, Event)]
#[event(entity = "Walker")]
struct RestTaken {
    #[event(entity_id)]
    walker: u32,
    step: u32,
}

fn builder() -> TestAppBuilder {
    TestApp::from_builder(App::builder().bare())
}

/// Walks with pauses that differ from step to step, and fails now and then.
struct Walk {
    log: Log<(u32, u32)>,
    busy: Arc<[AtomicUsize; 8]>,
    clumsy: bool,
}

impl Walk {
    async fn walk(&self, walker: u32, step: u32, ctx: &Context) -> HandlerResult {
        let busy = &self.busy[walker as usize];
        assert_eq!(busy.fetch_add(1, SeqCst), 0, "two events of one entity at the same time");
        for _ in 0..(walker + step) % 3 {
            tokio::task::yield_now().await;
        }
        busy.fetch_sub(1, SeqCst);
        if self.clumsy && (walker + step).is_multiple_of(4) && ctx.attempt() == 1 {
            return Err(HandlerError::msg("stumbled"));
        }
        self.log.add((walker, step));
        Ok(())
    }
}

impl EventHandler<StepTaken> for Walk {
    async fn handle(&self, event: &StepTaken, ctx: &Context) -> HandlerResult {
        self.walk(event.walker, event.step, ctx).await
    }
}

impl EventHandler<RestTaken> for Walk {
    async fn handle(&self, event: &RestTaken, ctx: &Context) -> HandlerResult {
        self.walk(event.walker, event.step, ctx).await
    }
}

async fn walk(
    seed: u64,
    walkers: u32,
    steps: u32,
    concurrency: usize,
    clumsy: bool,
) -> Vec<(u32, u32)> {
    let log = Log::default();
    let handler = Walk { log: log.clone(), busy: Arc::default(), clumsy };
    let options = HandlerOptions::DEFAULT.concurrency(concurrency);
    let registration =
        Handler::events("walk", handler).on::<StepTaken>().on::<RestTaken>().options(options);
    let app = builder().register(registration).shuffle(seed).build().expect("wired");
    for step in 0..steps {
        for walker in 0..walkers {
            if step % 5 == 4 {
                app.publish(&acme(), RestTaken { walker, step }).await.expect("accepted");
            } else {
                app.publish(&acme(), StepTaken { walker, step }).await.expect("accepted");
            }
        }
    }
    app.settled().await;
    assert!(app.dead_letters().await.is_empty());
    log.entries()
}

fn assert_in_order(log: &[(u32, u32)], walkers: u32, steps: u32) {
    let mut by_walker: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (walker, step) in log {
        by_walker.entry(*walker).or_default().push(*step);
    }
    assert_eq!(by_walker.len(), walkers as usize);
    for (walker, seen) in by_walker {
        assert_eq!(seen, (0..steps).collect::<Vec<_>>(), "walker {walker}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn events_of_one_entity_arrive_in_publish_order_one_at_a_time(
        seed: u64, walkers in 1_u32..8, steps in 1_u32..20, concurrency in 1_usize..9, clumsy: bool,
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
        let log = runtime.block_on(walk(seed, walkers, steps, concurrency, clumsy));
        assert_in_order(&log, walkers, steps);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_order_also_holds_on_several_threads() {
    let log = walk(7, 8, 50, 8, false).await;
    assert_in_order(&log, 8, 50);
}

#[tokio::test]
async fn different_entities_run_at_the_same_time_up_to_the_limit() {
    // The barrier opens only if four run at once.
    let barrier = Arc::new(Barrier::new(4));
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (gate, now, highest) = (barrier, Arc::clone(&running), Arc::clone(&most));
    let handler = Handler::event_fn("meet", move |_: Published<StepTaken>, _| {
        let (gate, now, highest) = (Arc::clone(&gate), Arc::clone(&now), Arc::clone(&highest));
        async move {
            highest.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            gate.wait().await;
            now.fetch_sub(1, SeqCst);
            Ok(())
        }
    });
    let app = builder().register(handler.options(ONCE.concurrency(4))).build().expect("wired");
    for walker in 0..16 {
        app.publish(&acme(), StepTaken { walker, step: 0 }).await.expect("accepted");
    }
    app.settled().await;
    assert_eq!(most.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn an_entity_that_waits_for_a_retry_holds_up_nobody_else_even_with_one_worker() {
    let log = Log::default();
    let seen = log.clone();
    let handler = Handler::event_fn("limp", move |event: Published<StepTaken>, ctx: Context| {
        let seen = seen.clone();
        async move {
            if event.walker == 0 && ctx.attempt() == 1 {
                return Err(HandlerError::msg("cramp").retry_after(Duration::from_mins(1)));
            }
            seen.add((event.walker, event.step));
            Ok(())
        }
    });
    let app = builder().register(handler.options(HandlerOptions::DEFAULT.concurrency(1)));
    let app = app.build().expect("wired");
    for step in 0..2 {
        for walker in 0..3 {
            app.publish(&acme(), StepTaken { walker, step }).await.expect("accepted");
        }
    }
    everybody_waits().await;
    assert_eq!(log.entries(), [(1, 0), (2, 0), (1, 1), (2, 1)], "the others are done meanwhile");
    app.settled().await;
    assert_eq!(log.entries()[4..], [(0, 0), (0, 1)], "and its own order holds");
}

#[tokio::test]
async fn one_entity_of_two_tenants_is_two_entities() {
    let barrier = Arc::new(Barrier::new(2));
    let handler = Handler::event_fn("meet", move |_: Published<StepTaken>, _| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok(())
        }
    });
    let app = builder().register(handler.options(ONCE)).build().expect("wired");
    for tenant in ["acme", "globex"] {
        let ctx = Context::for_tenant(tenant).expect("valid");
        app.publish(&ctx, StepTaken { walker: 1, step: 0 }).await.expect("accepted");
    }
    app.settled().await;
}

fn recorders(log: &Log<&'static str>) -> impl Iterator<Item = HandlerRegistration> + use<> {
    let log = log.clone();
    ["a", "b", "c", "d"].into_iter().map(move |name| {
        let log = log.clone();
        let handler = Handler::event_fn(name, move |_: Published<StepTaken>, _| {
            log.add(name);
            async { Ok(()) }
        });
        handler.options(HandlerOptions::DEFAULT.retry(RetryPolicy::none()))
    })
}

#[tokio::test(start_paused = true)]
async fn the_test_kit_shuffles_what_is_left_open_and_repeats_it_for_the_same_seed() {
    let run = |seed: u64| async move {
        let log = Log::default();
        let app = recorders(&log).fold(builder(), TestAppBuilder::register).shuffle(seed);
        let app = app.build().expect("wired");
        app.publish(&acme(), StepTaken { walker: 0, step: 0 }).await.expect("accepted");
        app.settled().await;
        assert!(app.timeline().contains(&format!("CQRS_TEST_SEED={seed}")), "{}", app.timeline());
        log.entries()
    };
    let mut orders = BTreeSet::new();
    for seed in 0..20 {
        let order = run(seed).await;
        assert_eq!(order.len(), 4);
        assert_eq!(order, run(seed).await, "one seed, one order");
        orders.insert(order);
    }
    assert!(orders.len() > 5, "20 seeds gave only {} orders", orders.len());
}

// ---- One order for all handlers, and the order key -----------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_handlers_see_the_events_of_one_entity_in_the_same_order() {
    for _ in 0..100 {
        let logs = [Log::default(), Log::default(), Log::default()];
        let mut app = App::builder().bare();
        for (name, log) in ["a", "b", "c"].into_iter().zip(&logs) {
            let log: Log<(u32, u32)> = log.clone();
            let handler = Handler::event_fn(name, move |event: Published<StepTaken>, _| {
                log.add((event.walker, event.step));
                async { Ok(()) }
            });
            app = app.register(handler.options(ONCE));
        }
        let app = app.build().expect("wired");
        let publishers = (0..4).map(|publisher| {
            let events = app.events().clone();
            tokio::spawn(async move {
                for step in 0..50 {
                    let event = StepTaken { walker: 1, step: publisher * 100 + step };
                    events.publish(&acme(), event).await.expect("accepted");
                }
            })
        });
        for publisher in publishers.collect::<Vec<_>>() {
            publisher.await.expect("no panic");
        }
        app.idle().await;
        let [a, b, c] = logs.map(|log| log.entries());
        assert_eq!((a.len(), a == b, a == c), (200, true, true));
    }
}

/// About two accounts; its order is that of the booking.
#[derive(Serialize, Deserialize, Event)]
struct MoneyMoved {
    #[event(entity_id)]
    account: u32,
    #[event(order_by)]
    booking: u32,
}

/// Of another entity, in the same order.
#[derive(Serialize, Deserialize, Event)]
struct ReceiptPrinted {
    #[event(entity_id)]
    receipt: u32,
    #[event(order_by)]
    booking: u32,
}

/// Handles both events slowly, and logs `begin` and `end`.
#[derive(Clone, Default)]
struct Bookkeeper(Log<(&'static str, u32)>);

impl Bookkeeper {
    async fn work(&self, booking: u32) {
        self.0.add(("begin", booking));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        self.0.add(("end", booking));
    }
}

impl EventHandler<MoneyMoved> for Bookkeeper {
    async fn handle(&self, event: &MoneyMoved, _: &Context) -> HandlerResult {
        self.work(event.booking).await;
        Ok(())
    }
}

impl EventHandler<ReceiptPrinted> for Bookkeeper {
    async fn handle(&self, event: &ReceiptPrinted, _: &Context) -> HandlerResult {
        self.work(event.booking).await;
        Ok(())
    }
}

async fn keep_books(order: Order, bookings: [u32; 2]) -> Vec<&'static str> {
    let keeper = Bookkeeper::default();
    let handler =
        Handler::events("books", keeper.clone()).on::<MoneyMoved>().on::<ReceiptPrinted>();
    let app = builder().register(handler.options(ONCE.order(order))).build().expect("wired");
    let [first, second] = bookings;
    app.publish(&acme(), MoneyMoved { account: 1, booking: first }).await.expect("accepted");
    app.publish(&acme(), ReceiptPrinted { receipt: 2, booking: second }).await.expect("accepted");
    app.settled().await;
    keeper.0.entries().into_iter().map(|(what, _)| what).collect()
}

const ONE_BY_ONE: [&str; 4] = ["begin", "end", "begin", "end"];
const AT_ONCE: [&str; 4] = ["begin", "begin", "end", "end"];

#[tokio::test(start_paused = true)]
async fn events_of_several_types_that_name_one_value_share_an_order() {
    assert_eq!(keep_books(Order::Key, [7, 7]).await, ONE_BY_ONE);
    assert_eq!(keep_books(Order::Key, [7, 8]).await, AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_order_the_whole_tenant_or_nothing() {
    assert_eq!(keep_books(Order::Tenant, [7, 8]).await, ONE_BY_ONE);
    assert_eq!(keep_books(Order::None, [7, 7]).await, AT_ONCE);
}

#[derive(Serialize, Deserialize, Event)]
#[event(entity = "Cat")]
struct CatFed {
    #[event(entity_id)]
    id: u32,
}

#[derive(Serialize, Deserialize, Event)]
#[event(entity = "Dog")]
struct DogFed {
    #[event(entity_id)]
    id: u32,
}

struct Feeder(Log<u32>);

impl<E: Event> EventHandler<E> for Feeder {
    async fn handle(&self, _: &E, _: &Context) -> HandlerResult {
        self.0.add(1);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        self.0.add(2);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn entities_of_two_types_with_one_id_are_two_entities() {
    let log = Log::default();
    let feeder = Handler::events("feeder", Feeder(log.clone())).on::<CatFed>().on::<DogFed>();
    let app = builder().register(feeder.options(ONCE)).build().expect("wired");
    app.publish(&acme(), CatFed { id: 1 }).await.expect("accepted");
    app.publish(&acme(), DogFed { id: 1 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(log.entries(), [1, 1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_handlers_see_what_concurrent_handlers_publish_in_one_order() {
    for _ in 0..20 {
        let bus: Arc<std::sync::OnceLock<EventBus>> = Arc::default();
        let events = Arc::clone(&bus);
        let walks = Handler::event_fn("walks", move |event: Published<StepTaken>, ctx| {
            let events = Arc::clone(&events);
            async move {
                tokio::task::yield_now().await;
                let events = events.get().ok_or_else(|| HandlerError::msg("no bus"))?;
                let rests =
                    (0..3).map(|step| RestTaken { walker: 1, step: event.walker * 10 + step });
                events.publish_all(&ctx, rests).await?;
                Ok(())
            }
        });
        let logs = [Log::default(), Log::default()];
        let mut app = App::builder().bare().register(walks);
        for (name, log) in ["first", "second"].into_iter().zip(logs.clone()) {
            app = app.register(Handler::event_fn(name, move |event: Published<RestTaken>, _| {
                log.add(event.step);
                async { Ok(()) }
            }));
        }
        let app = app.build().expect("wired");
        bus.set(app.events().clone()).expect("set once");
        for walker in 0..40 {
            app.events().publish(&acme(), StepTaken { walker, step: 0 }).await.expect("accepted");
        }
        app.idle().await;
        let [first, second] = logs.map(|log| log.entries());
        assert_eq!(first, second);
        for walker in 0..40 {
            let own: Vec<_> = first.iter().filter(|step| **step / 10 == walker).collect();
            assert_eq!(own, [&(walker * 10), &(walker * 10 + 1), &(walker * 10 + 2)]);
        }
    }
}
