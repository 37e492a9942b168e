//! Batches with dead letters that block their order key.

use cqrs_core::handler::BatchPolicy;

use super::*;

#[tokio::test]
async fn a_batch_books_nothing_of_a_key_behind_its_dead_letter() {
    for builder in builders() {
        let ledger = Ledger::default();
        ledger.refuse([2, 3]);
        let handler = Handler::batches("ledger", BatchPolicy::new(10), BatchLedger(ledger.clone()));
        let handler = handler.on::<Booked>().options(BLOCK.concurrency(1));
        let app = TestApp::from_builder(builder).register(handler).build().expect("wired");
        app.start().await.expect("started");
        app.handler("ledger").expect("it is there").pause();
        for number in 1..=4 {
            book(&app, 7, number).await;
            book(&app, 8, 10 + number).await;
        }
        while app.handler("ledger").expect("it is there").status().queued < 8 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        app.handler("ledger").expect("it is there").resume();
        app.settled().await;
        assert_eq!(ledger.of(8), [11, 12, 13, 14]);
        let letter = only_letter(&app).await;
        assert_eq!(letter.event.downcast_ref::<Booked>().expect("booked").number, 2);
        let status = app.handler("ledger").expect("it is there").status();
        assert_eq!((status.blocked_keys, status.queued), (1, 2));

        ledger.refuse([]);
        app.operations().redeliver(&Context::system(), letter.id).await.expect("it is there");
        app.idle().await;
        // The fourth one was in the batch of the second one, and is handled again after it.
        let booked = ledger.all_of(7);
        assert_eq!(booked[booked.len() - 3..], [2, 3, 4]);
        assert_eq!(app.dead_letters().await.len(), 0);
    }
}

struct BatchLedger(Ledger);

impl BatchEventHandler<Booked> for BatchLedger {
    async fn handle_batch(&self, batch: &Batch<Booked>, _: &Context) -> HandlerResult {
        for item in batch {
            if let Err(error) = self.0.book(&item) {
                item.fail(error);
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn of_a_batch_of_expired_events_the_first_one_of_each_key_blocks_it() {
    let limit = Duration::from_millis(50);
    for builder in builders() {
        let ledger = Ledger::default();
        let handler = Handler::batches("ledger", BatchPolicy::new(10), BatchLedger(ledger.clone()));
        let handler = handler.on::<Booked>().options(BLOCK.concurrency(1).deliver_within(limit));
        let app = TestApp::from_builder(builder).register(handler).build().expect("wired");
        app.start().await.expect("started");
        app.handler("ledger").expect("it is there").pause();
        for number in 1..=3 {
            book(&app, 7, number).await;
        }
        while !is_older_than(&app, limit) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        app.handler("ledger").expect("it is there").resume();
        for number in 1..=3 {
            app.settled().await;
            let letter = only_letter(&app).await;
            assert_eq!(letter.event.downcast_ref::<Booked>().expect("booked").number, number);
            app.operations().discard(&Context::system(), letter.id).await.expect("it is there");
        }
        app.idle().await;
        assert_eq!(ledger.of(7), [0; 0]);
    }
}

/// Whether the newest event is older than this, by the wall clock.
fn is_older_than(app: &TestApp, age: Duration) -> bool {
    let newest = app.all_published().pop().expect("published");
    jiff::Timestamp::now().duration_since(newest.occurred_at()).unsigned_abs() > age
}
