//! Middleware runs once around a batch.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cqrs_core::handler::DeliveryError;
use cqrs_core::middleware::{Call, CallError, Middleware, Next, Outcome, Rejection, Tower};
use tower::limit::GlobalConcurrencyLimitLayer;

use super::*;

const TEN: BatchPolicy = BatchPolicy::new(10);

fn watched(options: HandlerOptions) -> (TestAppBuilder, Seen) {
    let seen = Seen::new();
    let log = seen.clone();
    let handler = handler(TEN, options, move |batch, _| {
        log.add(batch);
        Ok(())
    });
    (builder().register(handler), seen)
}

/// Asks about every event.
struct Ask<F>(F);

impl<F> Middleware for Ask<F>
where
    F: Fn(&StockMoved) -> Result<(), Rejection> + Send + Sync + 'static,
{
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        for event in call.events() {
            (self.0)(event.downcast_ref().expect("it is one"))?;
        }
        next.run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn when_a_batch_is_refused_each_event_is_tried_alone() {
    let (app, seen) = watched(THRICE);
    let ask = Ask(|event: &StockMoved| match event.article {
        2 => Err(Rejection::forbidden("not this one")),
        _ => Ok(()),
    });
    let app = app.configure(|app| app.middleware(ask)).build().expect("wired");
    deliver(&app, 0..4).await;
    assert_eq!(seen.articles(), [[0], [1], [3]]);
    let records = app.deliveries_to_named(NAME);
    let dead: Vec<_> = records.iter().filter(|record| record.is_dead_lettered()).collect();
    let [dead] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!(dead.event.downcast_ref(), Some(&moved(2)));
    assert!(matches!(dead.last_error(), Some(DeliveryError::Rejected(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_unavailable_is_tried_again_in_order() {
    let (app, seen) = watched(THRICE);
    let was_refused = AtomicBool::new(false);
    let ask = Ask(move |event: &StockMoved| {
        let is_first = *event == moved(1);
        if is_first && !was_refused.swap(true, SeqCst) {
            return Err(Rejection::unavailable("being maintained"));
        }
        Ok(())
    });
    let app = app.configure(|app| app.middleware(ask)).build().expect("wired");
    let steps = (0..3).map(|step| StockMoved { article: 1, step });
    let events = steps.chain([moved(2)]).map(|event| (tenant("acme"), event));
    publish_together(&app, events).await;
    app.settled().await;
    let moves = seen.articles().concat().into_iter().zip(seen.steps().concat());
    let steps: Vec<_> = moves.filter(|(article, _)| *article == 1).map(|(_, step)| step).collect();
    assert_eq!(steps, [0, 1, 2]);
    assert!(app.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_lets_one_in_at_a_time_lets_a_batch_in() {
    let (app, seen) = watched(ONCE);
    let one = Tower::layer(GlobalConcurrencyLimitLayer::new(1));
    let app = app.configure(|app| app.middleware(one)).build().expect("wired");
    deliver(&app, 0..8).await;
    assert_eq!(seen.sizes(), [8]);
    assert!(app.dead_letters().await.is_empty());
}

/// Notes for each call how many events it has, and how it ends.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Vec<(usize, Outcome)>>>);

impl Middleware for Watch {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let events = call.events().len();
        let outcome = next.run(call).await;
        self.0.lock().expect("no panic").push((events, outcome.clone()));
        outcome
    }
}

#[tokio::test(start_paused = true)]
async fn middleware_runs_once_around_a_batch_and_sees_its_outcome() {
    let watch = Watch::default();
    let handler = handler(TEN, ONCE, move |batch, _| {
        if batch.iter().any(|item| item.article == 9) && batch.len() > 1 {
            return Err(HandlerError::msg("not together"));
        }
        for item in batch.iter().filter(|item| item.article == 9) {
            item.fail(HandlerError::msg("not at all").permanent());
        }
        Ok(())
    });
    let seen = watch.clone();
    let app = builder().register(handler).configure(|app| app.middleware(seen));
    let app = app.build().expect("wired");
    app.expect_failures();
    deliver(&app, 0..3).await;
    deliver(&app, 8..10).await;
    let failed = |text: &str| Err(CallError::Failed(text.into()));
    let expected =
        [(3, Ok(())), (2, failed("not together")), (1, Ok(())), (1, failed("not at all"))];
    assert_eq!(*watch.0.lock().expect("no panic"), expected);
}

/// Changes the context, answers itself, or panics.
struct Meddles;

impl Middleware for Meddles {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        match call.message::<StockMoved>().expect("one event").article {
            0 => return Ok(()),
            1 => std::panic::panic_any("expected by the test"),
            _ => {}
        }
        let ctx = call.context().clone().with_attribute("seen", "yes").expect("it fits");
        call.set_context(ctx);
        next.run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn around_one_event_middleware_can_answer_change_the_context_and_panic() {
    let reached: Arc<Mutex<Vec<u32>>> = Arc::default();
    let seen = Arc::clone(&reached);
    let handler = handler(BatchPolicy::new(1), ONCE, move |batch, _| {
        for item in batch {
            assert_eq!(item.context().attribute("seen"), Some("yes"));
            seen.lock().expect("no panic").push(item.article);
        }
        Ok(())
    });
    let app = builder().register(handler).configure(|app| app.middleware(Meddles));
    let app = app.build().expect("wired");
    deliver(&app, 0..4).await;
    assert_eq!(*reached.lock().expect("no panic"), [2, 3]);
    let records = app.deliveries_to_named(NAME);
    let dead: Vec<_> = records.iter().filter(|record| record.is_dead_lettered()).collect();
    assert_eq!(dead.len(), 1);
    assert!(matches!(dead[0].last_error(), Some(DeliveryError::Panicked(_))));
}
