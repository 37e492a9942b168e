use std::time::Duration;

use cqrs_core::log::{EventLog as _, Progress as _, Store as _};

use crate::support::{Database, all, entry, event, node, on_both};

on_both! {
    async fn a_dropped_future_leaves_a_store_that_works(database: &Database) {
        let store = database.open().await;
        let units = store.units().expect("transactions");
        let node = node(Duration::from_mins(1));
        for round in 0..200 {
            let time = Duration::from_micros(fastrand::u64(0..3000));
            match round % 5 {
                0 => drop(tokio::time::timeout(time, units.begin(None)).await),
                1 => {
                    let appending = async { store.append(&[entry(vec![event(1, 1)])]).await };
                    drop(tokio::time::timeout(time, appending).await);
                }
                2 => {
                    let mut unit = units.begin(None).await.expect("begun");
                    let publishing = async { unit.publish(&[event(1, 1)]).await };
                    drop(tokio::time::timeout(time, publishing).await);
                }
                3 => {
                    let mut unit = units.begin(None).await.expect("begun");
                    unit.publish(&[event(2, 1)]).await.expect("published");
                    drop(tokio::time::timeout(time, unit.commit()).await);
                }
                _ => drop(tokio::time::timeout(time, store.claim(&node, 1, &[])).await),
            }
        }
        // Every connection of the pool is usable, and what is committed now is seen by others.
        for number in 0..20 {
            let before = all(&store).await.len();
            let entries = [entry(vec![event(3, number)])];
            let appending = store.append(&entries);
            let appended = tokio::time::timeout(Duration::from_secs(20), appending).await;
            appended.expect("in time").expect("appended");
            assert!(all(&database.open().await).await.len() > before);
        }
    }
}
