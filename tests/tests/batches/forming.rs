//! How batches form.

use super::*;

fn watched(policy: BatchPolicy) -> (TestApp, Seen) {
    let seen = Seen::new();
    let log = seen.clone();
    let handler = handler(policy, ONCE, move |batch, _| {
        log.add(batch);
        Ok(())
    });
    (app(handler), seen)
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_taken_together_and_never_more_than_the_most() {
    let (app, seen) = watched(BatchPolicy::new(10));
    deliver(&app, 0..25).await;
    let expected: [Vec<u32>; 3] = [(0..10).collect(), (10..20).collect(), (20..25).collect()];
    assert_eq!(seen.articles(), expected);
    let records = app.deliveries_to_named(NAME);
    assert_eq!(records.len(), 25, "each is a delivery of its own");
    assert!(records.iter().all(|it| it.is_handled() && it.attempts.len() == 1));
}

#[tokio::test(start_paused = true)]
async fn an_event_without_company_is_handled_at_once() {
    let (app, seen) = watched(BatchPolicy::new(10));
    app.publish(&tenant("acme"), moved(1)).await.expect("accepted");
    app.settled().await;
    assert_eq!(seen.timed(), [(0, vec![1])]);
}

#[tokio::test(start_paused = true)]
async fn events_of_one_entity_fill_a_batch_as_well() {
    let (app, seen) = watched(BatchPolicy::new(3));
    let acme = tenant("acme");
    for step in 0..4 {
        app.publish(&acme, StockMoved { article: 1, step }).await.expect("accepted");
    }
    app.settled().await;
    assert_eq!(seen.steps().concat(), [0, 1, 2, 3]);
    assert_eq!(seen.sizes()[0], 3);
}

#[tokio::test(start_paused = true)]
async fn tenants_have_batches_of_their_own_and_take_turns() {
    let (app, seen) = watched(BatchPolicy::new(3));
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let events = (0..9).map(|article| (acme.clone(), moved(article)));
    let events: Vec<_> = events.chain((100..102).map(|it| (globex.clone(), moved(it)))).collect();
    publish_together(&app, events).await;
    app.settled().await;
    let expected = [vec![0, 1, 2], vec![100, 101], vec![3, 4, 5], vec![6, 7, 8]];
    assert_eq!(seen.articles(), expected);
}

#[tokio::test(start_paused = true)]
async fn across_tenants_a_batch_has_as_many_of_each() {
    let (app, seen) = watched(BatchPolicy::new(6).across_tenants());
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let events = (0..9).map(|article| (acme.clone(), moved(article)));
    let events: Vec<_> = events.chain((100..104).map(|it| (globex.clone(), moved(it)))).collect();
    publish_together(&app, events).await;
    app.settled().await;
    let batches = seen.articles();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6, 1]);
    assert!(batches[0].iter().filter(|it| **it >= 100).count() >= 2, "{batches:?}");
    let of = |globex: bool| {
        let all = batches.concat().into_iter();
        all.filter(|it| (*it >= 100) == globex).collect::<Vec<_>>()
    };
    assert_eq!(of(false), (0..9).collect::<Vec<_>>());
    assert_eq!(of(true), (100..104).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn batches_form_while_another_one_is_handled() {
    struct Slow(Seen);
    impl BatchEventHandler<StockMoved> for Slow {
        async fn handle_batch(&self, batch: &Batch<StockMoved>, _: &Context) -> HandlerResult {
            self.0.add(batch);
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(())
        }
    }
    let seen = Seen::new();
    let handler = Handler::batches(NAME, BatchPolicy::new(100), Slow(seen.clone()));
    let app = app(handler.on::<StockMoved>().options(ONCE).into());
    for article in 0..30 {
        app.events().publish(&tenant("acme"), moved(article)).await.expect("accepted");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    app.settled().await;
    assert!(seen.sizes().len() <= 5, "{:?}", seen.sizes());
    assert_eq!(seen.articles().concat(), (0..30).collect::<Vec<_>>());
}
