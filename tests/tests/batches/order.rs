//! Events of one entity stay in publish order.

use super::*;

const TEN: BatchPolicy = BatchPolicy::new(10);

/// Steps of one article, and one of another one.
async fn deliver_steps(app: &TestApp, steps: u32) {
    let steps = (0..steps).map(|step| StockMoved { article: 1, step });
    let events = steps.chain([StockMoved { article: 2, step: 100 }]);
    publish_together(app, events.map(|event| (tenant("acme"), event))).await;
    app.settled().await;
}

/// Fails each given step at its first attempt.
fn failing(
    options: HandlerOptions,
    steps: &'static [u32],
    error: fn() -> HandlerError,
) -> (TestApp, Seen) {
    let seen = Seen::new();
    let log = seen.clone();
    let app = app(handler(TEN, options, move |batch, _| {
        log.add(batch);
        let failing =
            batch.iter().filter(|item| item.context().attempt() == 1 && steps.contains(&item.step));
        failing.for_each(|item| item.fail(error()));
        Ok(())
    }));
    (app, seen)
}

fn attempts(app: &TestApp, step: u32) -> usize {
    let records = app.deliveries_to_named(NAME);
    let is_it = |event: &AnyEvent| event.downcast_ref::<StockMoved>().expect("moved").step == step;
    let record = records.iter().find(|record| is_it(&record.event)).expect("delivered");
    assert!(record.is_settled);
    record.attempts.len()
}

#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_failed_item_comes_again_after_it_and_that_is_no_attempt() {
    let (app, seen) = failing(THRICE, &[1], || HandlerError::msg("no luck"));
    deliver_steps(&app, 4).await;
    let steps = seen.steps();
    assert_eq!(steps[0], [0, 100, 1, 2, 3], "first all that is ready, then what stands behind");
    assert_eq!(steps[1..].concat(), [1, 2, 3], "{steps:?}");
    for (step, expected) in [(0, 1), (1, 2), (2, 1), (3, 1), (100, 1)] {
        assert_eq!(attempts(&app, step), expected, "step {step}");
    }
}

#[tokio::test(start_paused = true)]
async fn once_an_item_is_a_dead_letter_the_next_ones_go_on() {
    let (app, seen) = failing(THRICE, &[1], || HandlerError::msg("no hope").permanent());
    deliver_steps(&app, 4).await;
    assert_eq!(seen.steps(), [vec![0, 100, 1, 2, 3]]);
    assert_eq!(app.dead_letters().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn failed_items_of_one_entity_wait_for_each_other_and_for_their_own_time() {
    let seconds = |step: u32| Duration::from_secs(u64::from(step));
    let seen = Seen::new();
    let log = seen.clone();
    let app = app(handler(TEN, THRICE, move |batch, _| {
        log.add(batch);
        for item in batch.iter().filter(|item| item.context().attempt() == 1 && item.step < 10) {
            item.fail(HandlerError::msg("later").retry_after(seconds(item.step)));
        }
        Ok(())
    }));
    let steps = [5, 2, 9].map(|step| (tenant("acme"), StockMoved { article: 1, step }));
    publish_together(&app, steps).await;
    app.settled().await;
    let began: Vec<_> = seen.timed().into_iter().map(|(at, _)| at / 100).collect();
    assert_eq!(seen.steps(), [vec![5, 2, 9], vec![5], vec![2], vec![9]]);
    assert_eq!(began, [0, 50, 50, 90]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_failed_as_a_whole_comes_again_in_order() {
    let seen = Seen::new();
    let log = seen.clone();
    let app = app(handler(TEN, ONCE, move |batch, _| {
        log.add(batch);
        if batch.len() > 1 { Err(HandlerError::msg("bad row")) } else { Ok(()) }
    }));
    deliver_steps(&app, 4).await;
    assert_eq!(seen.sizes(), [5, 1, 1, 1, 1, 1]);
    let steps: Vec<_> = seen.steps()[1..].concat().into_iter().filter(|it| *it < 100).collect();
    assert_eq!(steps, [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_delivered_twice_comes_twice_in_order() {
    let seen = Seen::new();
    let log = seen.clone();
    let handler = handler(TEN, ONCE, move |batch, _| {
        log.add(batch);
        Ok(())
    });
    let app = builder().register(handler).deliver_twice().build().expect("wired");
    deliver_steps(&app, 3).await;
    for steps in seen.steps() {
        let distinct: std::collections::BTreeSet<_> = steps.iter().collect();
        assert_eq!(distinct.len(), steps.len(), "no event is twice in one batch");
    }
    let of_one: Vec<_> = seen.steps().concat().into_iter().filter(|it| *it < 100).collect();
    assert_eq!(of_one, [0, 0, 1, 1, 2, 2]);
    let records = app.deliveries_to_named(NAME);
    assert_eq!(records.iter().filter(|record| record.repeated).count(), 4);
}

#[tokio::test(start_paused = true)]
async fn no_seed_changes_the_order_within_an_entity() {
    for seed in 0..50 {
        let seen = Seen::new();
        let log = seen.clone();
        let options = THRICE.concurrency(4);
        let handler = handler(BatchPolicy::new(7), options, move |batch, _| {
            log.add(batch);
            // Some fail, some together.
            for item in
                batch.iter().filter(|item| item.context().attempt() == 1 && item.step % 5 == 4)
            {
                item.fail(HandlerError::msg("no luck"));
            }
            let is_bad =
                batch.iter().any(|item| item.context().attempt() == 1 && item.step % 11 == 10);
            if is_bad { Err(HandlerError::msg("bad row")) } else { Ok(()) }
        });
        let app = builder().register(handler).shuffle(seed).build().expect("wired");
        let steps =
            (0..30).flat_map(|step| (0..4).map(move |article| StockMoved { article, step }));
        publish_together(&app, steps.map(|event| (tenant("acme"), event))).await;
        app.settled().await;
        assert!(app.dead_letters().await.is_empty());
        // What is handled for good comes in order; the last time an event is seen is the one.
        let all = seen.batches.lock().expect("no panic").clone();
        let all: Vec<_> = all.into_iter().flat_map(|(_, batch)| batch).collect();
        for article in 0..4 {
            let last = |step| all.iter().rposition(|it| *it == StockMoved { article, step });
            let ends: Vec<_> = (0..30).map(|step| last(step).expect("seen")).collect();
            assert!(ends.is_sorted(), "seed {seed}, article {article}: {ends:?}");
        }
    }
}
