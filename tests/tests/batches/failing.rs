//! Whatever goes wrong, one failing item fails alone.

use cqrs_core::app::Unfinished;
use cqrs_core::operations::DeliveryFilter;

use super::*;

const TEN: BatchPolicy = BatchPolicy::new(10);

async fn dead(app: &TestApp) -> Vec<u32> {
    let letters = app.dead_letters().await;
    let article = |event: &AnyEvent| event.downcast_ref::<StockMoved>().expect("moved").article;
    letters.iter().map(|letter| article(&letter.event)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failing_item_fails_alone() {
    let seen = Seen::new();
    let log = seen.clone();
    let app = app(handler(TEN, THRICE, move |batch, _| {
        log.add(batch);
        for item in batch {
            if item.article == 3 && item.context().attempt() < 3 {
                item.fail(HandlerError::msg("no luck"));
            }
        }
        Ok(())
    }));
    deliver(&app, 0..6).await;
    assert_eq!(seen.articles(), [vec![0, 1, 2, 3, 4, 5], vec![3], vec![3]]);
    for record in app.deliveries_to_named(NAME) {
        let article = record.event.downcast_ref::<StockMoved>().expect("moved").article;
        assert!(record.is_handled(), "{article}");
        assert_eq!(record.attempts.len(), if article == 3 { 3 } else { 1 }, "{article}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_mark_counts_and_a_permanent_one_is_final() {
    let app = app(handler(TEN, THRICE, |batch, _| {
        for item in batch.iter().filter(|item| item.article == 1) {
            item.fail(HandlerError::msg("no hope").permanent());
            item.fail(HandlerError::msg("no luck"));
        }
        Ok(())
    }));
    deliver(&app, 0..3).await;
    assert_eq!(dead(&app).await, [1]);
    let letter = &app.dead_letters().await[0];
    assert_eq!((letter.attempts, &*letter.error), (1, "no hope"));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_gets_the_outcome_of_their_own_event() {
    let app = app(handler(TEN, ONCE, |batch, _| {
        for item in batch.iter().filter(|item| item.article == 1) {
            item.fail(std::io::Error::other("disk full"));
        }
        Ok(())
    }));
    app.expect_failures();
    let handler = app.handler(NAME).expect("there is one");
    handler.pause();
    let waiting: Vec<_> = (0..3)
        .map(|article| {
            let events = app.events().clone();
            tokio::spawn(async move {
                events.publish_and_wait(&tenant("acme"), moved(article)).await.expect("accepted")
            })
        })
        .collect();
    while handler.status().queued < 3 {
        tokio::task::yield_now().await;
    }
    handler.resume();
    let mut results = Vec::new();
    for waiting in waiting {
        let outcomes = waiting.await.expect("no panic");
        let outcome = outcomes.first().expect("one handler").clone();
        results.push((outcome.attempts, outcome.result.err().map(|error| error.to_string())));
    }
    assert_eq!(results, [(1, None), (1, Some("disk full".to_owned())), (1, None)]);
}

/// A batch with item 2 fails as a whole, in some way.
async fn with_a_poisonous_item(
    options: HandlerOptions,
    poison: impl Fn() -> HandlerResult + Send + Sync + 'static,
) -> (TestApp, Seen) {
    let seen = Seen::new();
    let log = seen.clone();
    let app = app(handler(TEN, options, move |batch, _| {
        log.add(batch);
        if batch.iter().any(|item| item.article == 2) { poison() } else { Ok(()) }
    }));
    deliver(&app, 0..4).await;
    (app, seen)
}

#[tokio::test(start_paused = true)]
async fn after_an_error_of_the_batch_each_item_is_tried_alone() {
    let (app, seen) = with_a_poisonous_item(THRICE, || Err(HandlerError::msg("bad row"))).await;
    let batches = seen.articles();
    assert_eq!(batches[..5], [vec![0, 1, 2, 3], vec![0], vec![1], vec![2], vec![3]]);
    assert_eq!(batches[5..], [vec![2]], "its third and last attempt");
    assert_eq!(dead(&app).await, [2]);
    for record in app.deliveries_to_named(NAME) {
        let is_poison = record.event.downcast_ref() == Some(&moved(2));
        assert_eq!(record.attempts.len(), if is_poison { 3 } else { 2 });
        assert_eq!(record.is_handled(), !is_poison);
        assert_eq!(
            record.attempts[0].as_ref().map(ToString::to_string).as_deref(),
            Some("bad row")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_item_is_tried_alone_even_where_nothing_is_tried_again() {
    let permanent = || Err(HandlerError::msg("bad row").permanent());
    let (app, seen) = with_a_poisonous_item(ONCE, permanent).await;
    assert_eq!(seen.sizes(), [4, 1, 1, 1, 1]);
    assert_eq!(dead(&app).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_each_item_is_tried_alone() {
    let panics = || std::panic::panic_any("expected by the test");
    let (app, seen) = with_a_poisonous_item(ONCE, panics).await;
    assert_eq!(seen.sizes(), [4, 1, 1, 1, 1]);
    assert_eq!(dead(&app).await, [2]);
    let letter = &app.dead_letters().await[0];
    assert!(letter.error.contains("expected by the test"), "{}", letter.error);
}

#[tokio::test(start_paused = true)]
async fn after_a_time_out_each_item_is_tried_alone() {
    struct Hangs(Seen);
    impl BatchEventHandler<StockMoved> for Hangs {
        async fn handle_batch(&self, batch: &Batch<StockMoved>, ctx: &Context) -> HandlerResult {
            self.0.add(batch);
            assert!(ctx.deadline().is_some());
            for item in batch {
                if item.article == 0 {
                    item.fail(HandlerError::msg("marked before").permanent());
                }
                if item.article == 2 {
                    std::future::pending::<()>().await;
                }
            }
            Ok(())
        }
    }
    let seen = Seen::new();
    let handler = Handler::batches(NAME, TEN, Hangs(seen.clone())).on::<StockMoved>();
    let app = app(handler.options(ONCE.timeout(Some(Duration::from_millis(100)))).into());
    deliver(&app, 0..4).await;
    assert_eq!(
        seen.timed(),
        [(0, vec![0, 1, 2, 3]), (100, vec![1]), (100, vec![2]), (200, vec![3])],
        "what was marked is not tried again"
    );
    assert_eq!(dead(&app).await, [0, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_asked_to_come_later_does() {
    let seen = Seen::new();
    let log = seen.clone();
    let app = app(handler(TEN, THRICE, move |batch, _| {
        log.add(batch);
        let later = HandlerError::msg("too many requests").retry_after(Duration::from_secs(5));
        if batch.len() > 1 { Err(later) } else { Ok(()) }
    }));
    deliver(&app, 0..3).await;
    let timed = seen.timed();
    assert_eq!(timed[0], (0, vec![0, 1, 2]));
    assert!(timed[1..].iter().all(|(at, batch)| (5000..=5001).contains(at) && batch.len() == 1));
    assert!(app.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_failed_item_is_in_the_stream_of_failures() {
    let app = app(handler(TEN, ONCE, |batch, _| match batch.len() {
        1 => Ok(()),
        _ => Err(HandlerError::msg("bad row")),
    }));
    let mut failures = app.failures();
    deliver(&app, 0..3).await;
    for article in 0..3 {
        let failure = failures.recv().await.expect("open").expect("not lagged");
        assert_eq!(failure.event.downcast_ref(), Some(&moved(article)));
        assert_eq!((failure.attempt, failure.retry_in), (1, Some(Duration::ZERO)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_can_be_delivered_again() {
    let seen = Seen::new();
    let log = seen.clone();
    let app = app(handler(TEN, ONCE, move |batch, _| {
        log.add(batch);
        if log.sizes().len() == 1 {
            batch.iter().for_each(|item| item.fail(HandlerError::msg("no luck")));
        }
        Ok(())
    }));
    deliver(&app, 0..3).await;
    assert_eq!(dead(&app).await, [0, 1, 2]);
    app.operations()
        .redeliver_all(&Context::system(), &DeliveryFilter::dead())
        .await
        .expect("open");
    app.settled().await;
    assert_eq!(seen.articles(), [vec![0, 1, 2], vec![0, 1, 2]]);
    assert!(app.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_reports_every_item_of_a_batch_that_does_not_end() {
    struct Hangs;
    impl BatchEventHandler<StockMoved> for Hangs {
        async fn handle_batch(&self, _: &Batch<StockMoved>, _: &Context) -> HandlerResult {
            std::future::pending().await
        }
    }
    let handler = Handler::batches(NAME, TEN, Hangs).on::<StockMoved>().options(ONCE.timeout(None));
    let app = app(handler.into());
    publish_together(&app, (0..3).map(|article| (tenant("acme"), moved(article)))).await;
    while app.handler(NAME).expect("there is one").status().running < 3 {
        tokio::task::yield_now().await;
    }
    let report = app.shutdown(Duration::from_secs(1)).await;
    let running = report.unfinished().iter().filter(|it| {
        let running = cqrs_core::lane::DeliveryState::Running;
        matches!(it, Unfinished::Delivery { state, .. } if *state == running)
    });
    assert_eq!(running.count(), 3, "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_panics_when_it_is_written_stays_with_its_item() {
    #[derive(Debug)]
    struct Unwritable;
    impl std::fmt::Display for Unwritable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            std::panic::panic_any("expected by the test")
        }
    }
    impl std::error::Error for Unwritable {}
    for marks in [true, false] {
        let app = app(handler(TEN, ONCE, move |batch, _| {
            match batch.iter().next().filter(|item| item.article == 0) {
                Some(item) if marks => item.fail(Unwritable),
                Some(_) => return Err(Unwritable.into()),
                None => {}
            }
            Ok(())
        }));
        deliver(&app, 0..3).await;
        assert_eq!(dead(&app).await, [0]);
    }
}
