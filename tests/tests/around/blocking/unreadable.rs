//! Stored events that cannot be read, and block their order key.

use super::*;

/// Its payload does not have the form of the event.
#[derive(Serialize, Deserialize, Event)]
#[event(name = "booked", entity = "Account")]
struct OldBooked {
    #[event(entity_id)]
    account: u32,
}

#[tokio::test]
async fn an_event_that_cannot_be_read_blocks_its_key_until_it_is_discarded() {
    let store = MemoryStore::new();
    let ledger = Ledger::default();
    let start = async || {
        let builder = bare().store(store.clone());
        let app = TestApp::from_builder(builder).register(ledger.handler("ledger", BLOCK));
        let app = app.build().expect("wired");
        app.start().await.expect("started");
        app
    };
    // The handler has its subscription before the older build publishes.
    assert!(start().await.shutdown(Duration::from_secs(10)).await.is_clean());
    let older = bare().store(store.clone()).build().expect("wired");
    older.start().await.expect("started");
    older.publish(&acme(), OldBooked { account: 7 }).await.expect("published");
    assert!(older.shutdown(Duration::from_secs(10)).await.is_clean());

    let app = start().await;
    book(&app, 7, 2).await;
    book(&app, 8, 3).await;
    app.settled().await;
    let letter = only_letter(&app).await;
    assert!(letter.blocks_key && letter.error.contains("missing field"), "{letter:?}");
    // It cannot be read when it is redelivered either, nor after a restart.
    app.operations().redeliver(&Context::system(), letter.id).await.expect("it is there");
    app.settled().await;
    assert!(only_letter(&app).await.blocks_key);
    assert_eq!((ledger.of(7), ledger.of(8)), (vec![], vec![3]));
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    drop(app);

    let app = start().await;
    app.settled().await;
    assert_eq!(ledger.of(7), [0; 0]);
    let letter = only_letter(&app).await;
    app.operations().discard(&Context::system(), letter.id).await.expect("it is there");
    app.idle().await;
    assert_eq!(ledger.of(7), [2]);
}
