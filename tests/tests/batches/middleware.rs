//! Middleware runs for each item, before the batch.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cqrs_core::DeliveryError;
use cqrs_core::middleware::{Call, Middleware, Next, Outcome, Rejection, Tower};
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

/// Asks about every delivery.
struct Ask<F>(F);

impl<F> Middleware for Ask<F>
where
    F: Fn(&StockMoved) -> Result<(), Rejection> + Send + Sync + 'static,
{
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        (self.0)(call.message().expect("it is one"))?;
        next.run(call).await
    }
}

fn article(call: &Call<'_>) -> u32 {
    call.message::<StockMoved>().expect("it is one").article
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_never_reaches_the_handler_and_the_others_do() {
    let (app, seen) = watched(THRICE);
    let ask = Ask(|event: &StockMoved| match event.article {
        2 => Err(Rejection::forbidden("not this one")),
        _ => Ok(()),
    });
    let app = app.configure(|app| app.middleware(ask)).build().expect("wired");
    deliver(&app, 0..4).await;
    assert_eq!(seen.articles(), [vec![0, 1, 3]]);
    let records = app.deliveries_to_named(NAME);
    let dead: Vec<_> = records.iter().filter(|record| record.is_dead_lettered()).collect();
    let [dead] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!(dead.event.downcast_ref(), Some(&moved(2)));
    assert!(matches!(dead.last_error(), Some(DeliveryError::Rejected(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_unavailable_is_tried_again_and_holds_its_entity_back() {
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
    assert_eq!(seen.articles()[0], [2]);
    let steps: Vec<_> = seen.steps()[1..].concat();
    assert_eq!(steps, [0, 1, 2]);
    assert!(app.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_lets_one_in_at_a_time_does_not_wait_for_itself() {
    let (app, seen) = watched(ONCE);
    let one = Tower::layer(GlobalConcurrencyLimitLayer::new(1));
    let app = app.configure(|app| app.middleware(one)).build().expect("wired");
    deliver(&app, 0..8).await;
    assert_eq!(seen.sizes(), [8]);
    assert!(app.dead_letters().is_empty());
}

/// Changes the context, answers itself, or panics.
struct Meddles;

impl Middleware for Meddles {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        match article(call) {
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
async fn middleware_can_answer_change_the_context_and_panic_for_one_item() {
    let reached: Arc<Mutex<Vec<u32>>> = Arc::default();
    let seen = Arc::clone(&reached);
    let handler = handler(TEN, ONCE, move |batch, _| {
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
