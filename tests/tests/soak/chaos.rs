//! 100,000 events for 50 handlers, of which ten take batches, that fail in every way and are paused now and
//! then, with and without a shutdown in the middle.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cqrs_core::app::{Modules, Unfinished};
use cqrs_core::handler::BatchPolicy;
use cqrs_core::operations::{DeliveryFilter, FailedDelivery};
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{AppBuilder, Handler, HandlerOptions, RetryPolicy};

use crate::live::{Live, Population};
use crate::rounds::repeat;

const EVENTS: u64 = 100_000;
const PUBLISHERS: u64 = 4;
const HANDLERS: usize = 50;
const KINDS: usize = 5;
const ENTITIES: u64 = 500;
const CAPACITY: usize = 256;

const NAMES: [&str; KINDS] = ["soak.a", "soak.b", "soak.c", "soak.d", "soak.e"];

/// One of five events, each for ten handlers.
#[derive(Serialize, Deserialize)]
struct Tick<const KIND: usize> {
    entity: u64,
    /// Unique, and ascending for each entity.
    number: u64,
    #[serde(skip)]
    _live: Live,
}

impl<const KIND: usize> Event for Tick<KIND> {
    const NAME: &'static str = NAMES[KIND];

    fn entity_id(&self) -> Option<&dyn std::fmt::Display> {
        Some(&self.entity)
    }
}

/// What became of each event at one handler.
#[derive(Default)]
struct Ledger {
    handled: Mutex<HashMap<u64, u32>>,
    /// The last number that was begun, by entity.
    last: Mutex<HashMap<u64, u64>>,
    out_of_order: AtomicUsize,
    running: AtomicUsize,
    most_running: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Fate {
    Fine,
    Slow,
    Error,
    Permanent,
    Panic,
    Hang,
    BlocksItsThread,
}

/// The same for the same seed, handler, event and attempt.
fn fate(seed: u64, handler: usize, number: u64, attempt: u32) -> Fate {
    let mut hasher = DefaultHasher::new();
    (seed, handler, number, attempt).hash(&mut hasher);
    match hasher.finish() % 1000 {
        0..50 => Fate::Slow,
        50..80 => Fate::Error,
        80..82 => Fate::Permanent,
        82..86 => Fate::Panic,
        86..88 => Fate::Hang,
        88..90 => Fate::BlocksItsThread,
        _ => Fate::Fine,
    }
}

fn handler<const KIND: usize>(
    seed: u64,
    index: usize,
    ledger: &Arc<Ledger>,
) -> HandlerRegistration {
    let ledger = Arc::clone(ledger);
    let handle = move |event: Published<Tick<KIND>>, ctx: Context| {
        let ledger = Arc::clone(&ledger);
        async move {
            let (entity, number) = (event.entity, event.number);
            let now = ledger.running.fetch_add(1, SeqCst) + 1;
            ledger.most_running.fetch_max(now, SeqCst);
            let _leave = Leave(&ledger);
            if ctx.attempt() == 1 {
                let before = ledger.last.lock().expect("no panic").insert(entity, number);
                if before.is_some_and(|before| before >= number) {
                    ledger.out_of_order.fetch_add(1, SeqCst);
                }
            }
            match fate(seed, index, number, ctx.attempt()) {
                Fate::Fine => {}
                Fate::Slow => tokio::task::yield_now().await,
                Fate::Error => return Err(HandlerError::msg("no luck")),
                Fate::Permanent => return Err(HandlerError::msg("no hope").permanent()),
                Fate::Panic => std::panic::panic_any("no nerves"),
                Fate::Hang => std::future::pending().await,
                Fate::BlocksItsThread => std::thread::sleep(Duration::from_micros(200)),
            }
            *ledger.handled.lock().expect("no panic").entry(number).or_default() += 1;
            Ok(())
        }
    };
    Handler::event_fn::<Tick<KIND>, _, _>(format!("soak-{index:02}"), handle)
        .options(options(index))
}

const ATTEMPTS: u32 = 2;

fn options(index: usize) -> HandlerOptions {
    let backoff = (Duration::from_millis(1), Duration::from_millis(2));
    HandlerOptions::DEFAULT
        .retry(RetryPolicy::exponential(ATTEMPTS, backoff.0, backoff.1))
        .timeout(Some(Duration::from_millis(20)))
        .concurrency(1 + index % 8)
}

/// Takes batches, of which single items fail, or all together.
struct InBatches {
    seed: u64,
    index: usize,
    ledger: Arc<Ledger>,
}

impl<const KIND: usize> BatchEventHandler<Tick<KIND>> for InBatches {
    async fn handle_batch(&self, batch: &Batch<Tick<KIND>>, _: &Context) -> HandlerResult {
        let Self { seed, index, ledger } = self;
        let now = ledger.running.fetch_add(1, SeqCst) + 1;
        ledger.most_running.fetch_max(now, SeqCst);
        let _leave = Leave(ledger);
        // Entities with an item that comes again, and with it what stands behind it.
        let mut held = HashSet::new();
        let mut handled = Vec::new();
        for item in batch {
            match fate(*seed, *index, item.number, item.context().attempt()) {
                Fate::Fine => {}
                Fate::Slow => tokio::task::yield_now().await,
                Fate::Error if item.number % 8 == 0 => return Err(HandlerError::msg("no luck")),
                Fate::Error => {
                    item.fail(HandlerError::msg("no luck"));
                    if item.context().attempt() < ATTEMPTS {
                        held.insert(item.entity);
                    }
                    continue;
                }
                Fate::Permanent => {
                    item.fail(HandlerError::msg("no hope").permanent());
                    continue;
                }
                Fate::Panic => std::panic::panic_any("no nerves"),
                Fate::Hang => std::future::pending().await,
                Fate::BlocksItsThread => std::thread::sleep(Duration::from_micros(200)),
            }
            if !held.contains(&item.entity) {
                handled.push(item);
            }
        }
        let mut last = ledger.last.lock().expect("no panic");
        let mut done = ledger.handled.lock().expect("no panic");
        for item in handled {
            *done.entry(item.number).or_default() += 1;
            let before = last.insert(item.entity, item.number);
            if before.is_some_and(|before| before >= item.number) {
                ledger.out_of_order.fetch_add(1, SeqCst);
            }
        }
        Ok(())
    }
}

fn batch_handler<const KIND: usize>(
    seed: u64,
    index: usize,
    ledger: &Arc<Ledger>,
) -> HandlerRegistration {
    let policy = BatchPolicy::new(1 + index * 2);
    let policy = match index % 3 {
        0 => policy,
        _ => policy.across_tenants(),
    };
    let handler = InBatches { seed, index, ledger: Arc::clone(ledger) };
    let handler = Handler::batches(format!("soak-{index:02}"), policy, handler);
    handler.on::<Tick<KIND>>().options(options(index)).into()
}

struct Leave<'a>(&'a Ledger);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

fn builder(seed: u64, ledgers: &[Arc<Ledger>]) -> AppBuilder {
    let builder = App::builder()
        .only(Modules::default())
        .queue_capacity(CAPACITY)
        .dead_letter_capacity(usize::MAX);
    ledgers.iter().enumerate().fold(builder, |builder, (index, ledger)| {
        let takes_batches = index / KINDS % 5 == 4;
        builder.register(match index % KINDS {
            0 if takes_batches => batch_handler::<0>(seed, index, ledger),
            1 if takes_batches => batch_handler::<1>(seed, index, ledger),
            2 if takes_batches => batch_handler::<2>(seed, index, ledger),
            3 if takes_batches => batch_handler::<3>(seed, index, ledger),
            4 if takes_batches => batch_handler::<4>(seed, index, ledger),
            0 => handler::<0>(seed, index, ledger),
            1 => handler::<1>(seed, index, ledger),
            2 => handler::<2>(seed, index, ledger),
            3 => handler::<3>(seed, index, ledger),
            _ => handler::<4>(seed, index, ledger),
        })
    })
}

/// Publishes this publisher's share, until it is refused; says what was accepted, by kind.
async fn publish(
    app: App,
    publisher: u64,
    ctx: Context,
    population: Population,
) -> [Vec<u64>; KINDS] {
    let mut accepted: [Vec<u64>; KINDS] = Default::default();
    for step in 0..EVENTS / PUBLISHERS {
        let number = step * PUBLISHERS + publisher;
        // An entity belongs to one publisher, so its numbers ascend.
        let entity = (step % (ENTITIES / PUBLISHERS)) * PUBLISHERS + publisher;
        let kind = usize::try_from(entity).expect("small") / 4 % KINDS;
        let (events, live) = (app.events(), population.one_more());
        let outcome = match kind {
            0 => events.publish(&ctx, Tick::<0> { entity, number, _live: live }).await,
            1 => events.publish(&ctx, Tick::<1> { entity, number, _live: live }).await,
            2 => events.publish(&ctx, Tick::<2> { entity, number, _live: live }).await,
            3 => events.publish(&ctx, Tick::<3> { entity, number, _live: live }).await,
            _ => events.publish(&ctx, Tick::<4> { entity, number, _live: live }).await,
        };
        match outcome {
            Ok(_) => accepted[kind].push(number),
            Err(PublishError::ShutDown { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    accepted
}

/// Pauses one handler after another for a moment, until it is aborted.
async fn pause_now_and_then(app: App, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    loop {
        let name = format!("soak-{:02}", random.usize(..HANDLERS));
        let handler = app.handler(&name).expect("it is there");
        handler.pause();
        for _ in 0..random.u8(..50) {
            tokio::task::yield_now().await;
        }
        handler.resume();
        tokio::time::sleep(Duration::from_millis(random.u64(..5))).await;
    }
}

fn number_of(event: &AnyEvent) -> u64 {
    let payload = event.payload().expect("it was written before");
    payload["number"].as_u64().expect("a number")
}

async fn round(seed: u64, shut_down_in_the_middle: bool, population: Population) {
    let ledgers: Vec<_> = (0..HANDLERS).map(|_| Arc::new(Ledger::default())).collect();
    let app = builder(seed, &ledgers).build().expect("wired");
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let ctx = Context::for_tenant(format!("tenant-{publisher}")).expect("valid");
            tokio::spawn(publish(app.clone(), publisher, ctx, population.clone()))
        })
        .collect();

    let pausing = tokio::spawn(pause_now_and_then(app.clone(), seed));
    if shut_down_in_the_middle {
        let enough = usize::try_from(seed % (EVENTS / 2)).expect("small");
        let handled = || ledgers[0].handled.lock().expect("no panic").len() * KINDS;
        while handled() < enough && !publishers.iter().all(tokio::task::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    }
    let early = if shut_down_in_the_middle {
        Some(app.shutdown(Duration::from_millis(seed % 20)).await)
    } else {
        None
    };
    let mut accepted: [Vec<u64>; KINDS] = Default::default();
    for publisher in publishers {
        for (all, own) in accepted.iter_mut().zip(publisher.await.expect("no panic")) {
            all.extend(own);
        }
    }
    pausing.abort();
    // Also when it panicked, which would then be this test's panic.
    assert!(
        pausing.await.is_err_and(|error| error.is_cancelled()),
        "pausing goes on until the end"
    );
    for handler in app.handlers() {
        handler.resume();
    }
    let report = match early {
        Some(report) => report,
        None => app.shutdown(Duration::from_mins(1)).await,
    };
    assert!(shut_down_in_the_middle || report.is_clean(), "stuck: {report}");

    // A queue has room for its capacity, and for one of each tenant that has nothing there.
    let queues = HANDLERS * (CAPACITY + usize::try_from(PUBLISHERS).expect("few"));
    let most = population.most();
    let allowed = queues + report.dead_letters() + usize::try_from(PUBLISHERS).expect("few");
    assert!(most <= allowed, "{most} events were in memory at once, of {allowed}");

    let mut ends: HashMap<(String, u64), Vec<&str>> = HashMap::new();
    for letter in all_dead_letters(&app).await {
        let key = (letter.handler.to_string(), number_of(&letter.event));
        ends.entry(key).or_default().push("dead letter");
    }
    for unfinished in report.unfinished() {
        let Unfinished::Delivery { handler, event, .. } = unfinished else {
            panic!("{unfinished}")
        };
        let key = (handler.to_string(), number_of(event));
        ends.entry(key).or_default().push("unfinished");
    }
    for (index, ledger) in ledgers.iter().enumerate() {
        let name = format!("soak-{index:02}");
        let mut handled = ledger.handled.lock().expect("no panic").clone();
        for number in &accepted[index % KINDS] {
            let successes = handled.remove(number).unwrap_or(0);
            let other = ends.remove(&(name.clone(), *number)).unwrap_or_default();
            // At the moment of the stop, a handler may succeed and be reported as running.
            let at_the_stop = successes == 1 && other == ["unfinished"];
            let ended_once = u32::try_from(other.len()).expect("few") + successes == 1;
            assert!(ended_once || at_the_stop, "{name} {number}: {successes} successes, {other:?}");
        }
        assert!(handled.is_empty(), "{name} handled what was not accepted: {handled:?}");
        assert_eq!(ledger.out_of_order.load(SeqCst), 0, "{name} is out of order");
        let most = ledger.most_running.load(SeqCst);
        assert!(most <= 1 + index % 8, "{name} ran {most} at once");
    }
    assert!(ends.is_empty(), "nobody accepted these: {ends:?}");
}

fn run(shut_down_in_the_middle: bool) {
    // Expected panics would flood the output.
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref() != Some(&"no nerves") {
            default(info);
        }
    }));
    repeat(|seed| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(4).enable_all().build().expect("a runtime");
        let population = Population::default();
        runtime.block_on(round(seed, shut_down_in_the_middle, population.clone()));
        drop(runtime);
        assert_eq!(population.now(), 0, "events that nobody needs are still in memory");
    });
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn every_event_ends_exactly_once_at_every_handler_and_in_order() {
    run(false);
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn a_shutdown_in_the_middle_accounts_for_everything_that_was_accepted() {
    run(true);
}

/// All pages of them.
async fn all_dead_letters(app: &App) -> Vec<FailedDelivery> {
    let mut all = Vec::new();
    let mut filter = DeliveryFilter::dead().limit(DeliveryFilter::MAX_LIMIT);
    loop {
        let page = app.operations().failed(&filter).await.expect("in memory");
        filter.after = page.last().map(|last| last.id);
        all.extend(page);
        if filter.after.is_none() {
            return all;
        }
    }
}
