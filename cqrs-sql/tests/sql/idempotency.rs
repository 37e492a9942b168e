use std::time::Duration;

use cqrs_core::log::{ExecutionKey, Progress as _, Store as _};
use cqrs_sql::SqlStore;

use crate::support::{Database, eventually, node, on_both};

fn key(number: u16) -> ExecutionKey {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_le_bytes());
    ExecutionKey { id, fingerprint: [7; 32], tenant: None }
}

/// Claims these keys, and returns how many of them were new.
async fn claim(store: &SqlStore, keys: std::ops::Range<u16>) -> usize {
    let mut unit = store.units().expect("transactions").begin(None).await.expect("begun");
    let mut new = 0;
    for number in keys {
        if unit.claim_key(&key(number)).await.expect("claimed").is_none() {
            unit.store_output(&key(number), "null").await.expect("stored");
            new += 1;
        }
    }
    unit.commit().await.expect("committed");
    new
}

on_both! {
    async fn keys_are_removed_in_batches_when_they_are_old(database: &Database) {
        let store = database.open().await;
        assert_eq!(claim(&store, 0..1_002).await, 1_002);
        store.beat(&node(Duration::from_mins(1))).await.expect("it lives");
        assert_eq!(claim(&store, 0..1_002).await, 0, "they are kept for a day");

        let builder = SqlStore::builder().keep_idempotency_keys(Duration::from_millis(1));
        let forgetful = database.open_with(builder).await.expect("opened");
        eventually("the oldest are old enough", async || {
            forgetful.beat(&node(Duration::from_mins(1))).await.expect("it lives");
            claim(&store, 0..1).await == 1
        })
        .await;
        // The one that was claimed now, and two that are left of the others.
        assert_eq!(claim(&store, 1..1_002).await, 1_000 - 1);
    }

    async fn an_application_has_keys_of_its_own(database: &Database) {
        let store = database.open().await;
        let other = SqlStore::builder().application("other");
        let other = database.open_with(other).await.expect("opened");
        for store in [store, other] {
            assert_eq!(claim(&store, 0..2).await, 2);
            let mut unit = store.units().expect("transactions").begin(None).await.expect("begun");
            let executed = unit.claim_key(&key(1)).await.expect("claimed").expect("it is there");
            assert_eq!((executed.fingerprint, &*executed.output), (vec![7; 32], "null"));
        }
    }
}
